"""Jobs from commit to commit: what runs, what is kept, what a failure leaves."""

from pathlib import Path

import pytest

from headwater.pipelines import JobFailed
from tests.pipelines.conftest import Engine


def test_a_request_makes_a_commit_whose_provenance_names_data_and_code(engine: Engine) -> None:
    engine.put(a="one two", b="three")

    job = engine.submit()
    engine.work()

    ended = engine.jobs.wait(job.id)
    assert (ended.state, ended.datums.run) == ("succeeded", 3)
    assert engine.output() == {"/a.txt": "2", "/b.txt": "1", "/total.txt": "3", "/sealed.txt": "sealed 3"}
    head = engine.repos.resolve("count@main")
    assert head.id == job.commit == engine.kind.finished_commits[0]
    named = {(entry.kind, entry.role): entry.id for entry in head.provenance}
    assert named["commit", "texts"] == engine.repos.resolve("texts@main").id
    assert named["code", "code"] == "code-1"


def test_one_changed_file_costs_one_datum(engine: Engine) -> None:
    engine.put(a="one", b="two", c="three")
    engine.submit()
    engine.work()

    engine.put(b="two words")
    engine.work()

    assert (engine.last().datums.run, engine.last().datums.kept) == (2, 2)  # the file's and the closing one
    assert engine.output()["/total.txt"] == "4"


def test_a_removed_file_takes_its_output_with_it(engine: Engine) -> None:
    engine.put(a="one", b="two")
    engine.submit()
    engine.work()

    engine.put(a=None)
    engine.work()

    assert engine.output() == {"/b.txt": "1", "/total.txt": "1", "/sealed.txt": "sealed 1"}
    assert engine.last().datums.dropped == 1


def test_reverted_data_runs_nothing_but_the_closing_datum(engine: Engine) -> None:
    engine.put(a="one")
    engine.submit()
    engine.work()
    engine.put(a="one two")
    engine.work()

    engine.put(a="one")
    engine.work()

    assert engine.last().datums.run == 1
    assert engine.output()["/a.txt"] == "1"


def test_asking_again_without_a_change_makes_no_commit(engine: Engine) -> None:
    engine.put(a="one")
    engine.submit()
    engine.work()
    before = engine.repos.resolve("count@main").id

    again = engine.submit()
    engine.work()

    assert engine.jobs.get(again.id).state == "skipped"
    assert engine.jobs.get(again.id).note == "nothing has changed"
    assert engine.repos.resolve("count@main").id == before


def test_a_change_of_code_runs_everything_again(engine: Engine) -> None:
    engine.put(a="one", b="two")
    engine.submit()
    engine.work()

    engine.kind.code = "code-2"
    engine.submit()
    engine.work()

    assert engine.last().datums.run == 3


def test_a_failed_job_names_every_poisoned_datum_and_keeps_its_successes(engine: Engine) -> None:
    engine.put(a="poison", b="fine", c="poison too")
    job = engine.submit()
    engine.work()

    with pytest.raises(JobFailed) as caught:
        engine.jobs.wait(job.id)

    assert [one["datum"] for one in caught.value.details] == ["a.txt", "c.txt"]
    assert "without the poison" in caught.value.hint
    assert not engine.repos.get("count").log().items

    engine.put(a="cured", c="cured")
    engine.work()

    assert (engine.last().datums.run, engine.last().datums.kept) == (3, 1)
    assert engine.output()["/total.txt"] == "3"


def test_commits_that_come_together_are_one_job(engine: Engine) -> None:
    engine.put(a="one")
    first = engine.submit()
    engine.put(b="two")
    engine.put(c="three")

    engine.work()

    states = [job.state for job in engine.jobs.list().items]
    assert states == ["succeeded", "skipped", "skipped"]
    assert engine.jobs.wait(first.id).state == "succeeded"
    assert engine.output()["/total.txt"] == "3"


def test_a_commit_and_the_job_it_causes_share_a_set(engine: Engine) -> None:
    engine.put(a="one")
    engine.submit()
    engine.put(a="two")

    head = engine.repos.resolve("texts@main")

    (job,) = engine.jobs.of_set(head.set_id)
    engine.work()
    made = engine.repos.resolve("count@main")
    assert (made.id, made.set_id) == (job.commit, head.set_id)


def test_a_datum_whose_process_dies_is_tried_again(engine: Engine, tmp_path: Path) -> None:
    engine.put(a=f"die once {tmp_path / 'died'}", b="fine")
    job = engine.submit()

    engine.work()

    assert engine.jobs.wait(job.id).state == "succeeded"
    assert (tmp_path / "died").exists()


def test_two_datums_that_write_one_path_are_both_named(engine: Engine) -> None:
    engine.put(a="collide", b="collide")
    job = engine.submit()
    engine.work()

    with pytest.raises(JobFailed) as caught:
        engine.jobs.wait(job.id)

    assert "'a.txt'" in caught.value.message
    assert "'b.txt'" in caught.value.message
    assert "same.txt" in caught.value.message


def test_a_cancelled_job_leaves_nothing(engine: Engine) -> None:
    engine.put(a="one")
    job = engine.submit()

    engine.jobs.cancel(job.id)
    engine.work()

    assert engine.jobs.get(job.id).state == "cancelled"
    assert not engine.repos.get("count").log().items


def test_a_pipeline_whose_coordinators_die_ends_its_job(engine: Engine) -> None:
    engine.put(a="one")
    job = engine.submit()
    claim = engine.queue.claim("w", ("pipeline",))
    assert claim is not None
    with engine.catalog.write() as conn:
        from headwater.pipelines import store

        store.change_job(conn, job.id, state="running")

    engine.queue.abandon(claim, "its workers died 5 times")

    assert engine.jobs.get(job.id).state == "failed"
    assert "died" in (engine.jobs.get(job.id).error or "")


def test_the_history_of_jobs_comes_in_pages(engine: Engine) -> None:
    engine.put(a="one")
    made = [engine.submit().id for _ in range(5)]

    first = engine.jobs.list(limit=3)
    rest = engine.jobs.list(limit=3, cursor=first.next)

    assert [job.id for job in [*first.items, *rest.items]] == made[::-1]
    assert rest.next is None
