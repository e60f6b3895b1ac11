"""What failed jobs say, and what must not fail one."""

import msgspec
import pytest

from headwater.errors import InvalidInput
from headwater.pipelines import Datum, DatumInput, JobFailed, JobView
from headwater.pipelines.engine.records import FORMAT, decode_record
from tests.pipelines.conftest import Engine


def failure(engine: Engine, job: str) -> JobFailed:
    with pytest.raises(JobFailed) as caught:
        engine.jobs.wait(job)
    return caught.value


def test_a_single_failure_names_its_datum_and_what_to_do(engine: Engine) -> None:
    engine.put(a="poison", b="fine")
    job = engine.submit()
    engine.work()

    failed = failure(engine, job.id)

    assert failed.message == "a.txt: 'poison' is poisoned."
    assert failed.hint.startswith("Commit it without the poison.")
    assert engine.jobs.get(job.id).error == failed.message
    assert failed.details[0]["kind"] == "invalid-input"


def test_a_bug_in_a_datums_code_names_the_datum_and_what_was_raised(engine: Engine) -> None:
    engine.put(a="bug")
    job = engine.submit()
    engine.work()

    failed = failure(engine, job.id)

    assert failed.message == "a.txt: ZeroDivisionError: a bug"
    assert "log" in failed.hint


@pytest.mark.parametrize("step", ["due", "datums", "claimed", "closing", "seal", "message", "finished"])
def test_a_kind_that_refuses_at_any_step_fails_its_job_alone(
    engine: Engine, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise InvalidInput("Cannot be.", hint="Change it.")

    engine.put(a="one")
    job = engine.submit()
    with monkeypatch.context() as patched:
        patched.setattr(engine.kind, step, refuse)
        engine.work()

    failed = failure(engine, job.id)
    assert (failed.message, failed.hint) == ("Cannot be.", "Change it.")
    engine.put(b="two")
    engine.work()
    assert engine.last().state == "succeeded"
    assert engine.output()["/total.txt"] == "2"


def test_a_file_where_another_datum_has_a_folder_names_both(engine: Engine) -> None:
    engine.put(a="folder", b="fine")
    job = engine.submit()
    engine.work()

    message = failure(engine, job.id).message

    assert "'b.txt' wrote the file 'b.txt'" in message
    assert "'a.txt' wrote 'b.txt/below.txt' below it" in message


def test_such_a_collision_is_found_without_a_closing_datum_too(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.kind, "closing", lambda _: None)
    engine.put(b="fine")
    engine.submit()
    engine.work()
    engine.put(a="folder")
    engine.work()

    message = failure(engine, engine.last().id).message

    assert "'b.txt' wrote the file 'b.txt'" in message
    assert "'a.txt' wrote 'b.txt/below.txt' below it" in message


def test_two_datums_with_one_key_are_both_named(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.put(a="one")
    original = engine.kind.datums
    monkeypatch.setattr(engine.kind, "datums", lambda job: [*original(job), *original(job)])
    job = engine.submit()
    engine.work()

    assert "see the same files" in failure(engine, job.id).message


@pytest.mark.parametrize("text", ["long stats", "odd stats"])
def test_labels_and_statistics_of_any_size_fit_into_a_record(
    engine: Engine, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def datums(job: JobView) -> list[Datum]:
        entry = next(iter(job.views["texts"].entries()))
        portable = engine.storage.portable(entry)
        file = DatumInput("texts", "texts", "main", entry.path, entry.hash, portable)
        return [Datum("ü" * 5_000, (file,), "count", b"", b"", "code-1")]

    monkeypatch.setattr(engine.kind, "datums", datums)
    engine.put(a=text)
    job = engine.submit()
    engine.work()

    if text == "odd stats":  # not what a function may return: its mistake, named
        assert "Expected `object`, got `array`" in failure(engine, job.id).message
        return
    assert engine.jobs.wait(job.id).state == "succeeded"
    meta = engine.storage.map_tree(engine.repos.resolve("count@main").roots.meta)
    record = next(one for one in (decode_record(entry.value) for entry in meta.entries()) if one.stats)
    assert record.format == FORMAT
    assert record.stats == {"first": 1}
    assert record.label.startswith("üü")
    assert all(len(entry.value) <= 4_096 for entry in meta.entries())
    assert len(msgspec.msgpack.encode(record.label)) < 1_100
