import os
import threading
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from headwater.api.documents import Provenance
from headwater.monitoring import InvalidEndpointName, LogClosed, PredictionLog, PredictionNotFound
from headwater.monitoring.spool import SpoolWriter
from headwater.repos import Repos
from headwater.serving import PredictionRecord
from tests.monitoring.conftest import NOON_MS, Place, record

DAY_MS = 86_400_000


def test_what_was_accepted_is_found_though_it_is_in_no_commit_yet(log: PredictionLog, place: Place) -> None:
    kept = record()
    log.accept([kept])

    found = log.find(kept.id)

    assert found.record == kept
    assert (found.repo, found.commit) == (
        "predictions/iris",
        place.repos.get("predictions/iris").at().commit.id,
    )
    assert found.path.startswith("/2026-11-21/")
    assert found.path.endswith(f"/{kept.id}-{kept.id}.jsonl")


def test_another_process_finds_what_a_running_server_has_accepted(log: PredictionLog, place: Place) -> None:
    first, second = record(), record()
    log.accept([first])

    assert place.log().find(first.id).record == first
    log.accept([second])
    assert place.log().find(second.id).record == second
    assert place.log().find(first.id).record == first

    log.close()
    assert place.committed() == {first.id: 1, second.id: 1}
    assert place.spooled() == []


@pytest.mark.parametrize("absent", ["", "nonsense", "01J", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "0" * 26, "../../x"])
def test_what_was_never_answered_is_not_found(log: PredictionLog, absent: str) -> None:
    log.accept([record()])

    with pytest.raises(PredictionNotFound) as caught:
        log.find(absent)

    assert absent in caught.value.message


def test_flushing_commits_everything_once(log: PredictionLog, place: Place) -> None:
    records = [record(endpoint) for endpoint in ("iris", "housing", "iris")]
    log.accept(records)

    log.flush()
    log.flush()

    assert place.committed("iris") == {records[0].id: 1, records[2].id: 1}
    assert place.committed("housing") == {records[1].id: 1}
    assert place.spooled() == []
    assert len(place.repos.get("predictions/iris").log().items) == 1


def test_a_commit_names_the_model_versions_that_answered(log: PredictionLog, place: Place) -> None:
    log.accept([record(version=1), record(version=2), record(version=2)])
    log.flush()

    commit = place.repos.get("predictions/iris").at().commit

    assert commit.message == "3 predictions"
    assert commit.provenance == (
        Provenance("commit", "models/iris", f"{1:032d}", "model"),
        Provenance("commit", "models/iris", f"{2:032d}", "model"),
    )


def test_any_of_many_is_found_across_writers_days_and_files(place: Place) -> None:
    logs = [place.log() for _ in range(3)]
    kept = [record(at_ms=NOON_MS + step * DAY_MS // 10) for step in range(60)]
    for number, item in enumerate(kept):
        logs[number % 3].accept([item])
        if number % 7 == 0:
            logs[number % 2].flush()
    for log in logs:
        log.close()

    assert [place.log().find(item.id).record for item in kept] == kept
    assert set(place.committed().values()) == {1}


def test_what_a_dead_server_left_is_committed_once_by_the_next_one(place: Place) -> None:
    kept = [record() for _ in range(3)]
    abandon(place, kept)

    assert [place.log().recover(), place.log().recover()] == [3, 0]
    assert place.committed() == {item.id: 1 for item in kept}
    assert place.spooled() == []


def test_a_torn_last_line_was_never_acknowledged_and_is_dropped(place: Place) -> None:
    kept = record()
    abandon(place, [kept])
    [spool] = place.spooled()
    with spool.open("ab") as file:
        file.write(b'{"id":"01M7YR76MCX6K9QKPZ28TQ7RRK","endpo')

    place.log().recover()

    assert place.committed() == {kept.id: 1}
    assert place.spooled() == []


def test_lines_that_a_disk_has_damaged_are_set_aside_and_the_others_are_kept(place: Place) -> None:
    first, second = record(), record()
    abandon(place, [first])
    [spool] = place.spooled()
    with spool.open("ab") as file:
        file.write(b"\0\0\0\0\n")
    abandon(place, [second], into=spool)

    with capture_logs() as logged:
        place.log().recover()

    assert place.committed() == {first.id: 1, second.id: 1}
    assert place.spooled() == []
    assert [line["event"] for line in logged] == ["spool has unreadable lines"]
    assert spool.with_suffix(".damaged").exists()


def test_a_kill_between_commit_and_deletion_commits_nothing_twice(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = record()
    abandon(place, [kept])
    with monkeypatch.context() as killed:
        killed.setattr(Path, "unlink", _killed)
        with pytest.raises(KeyboardInterrupt):
            place.log().recover()
    assert len(place.spooled()) == 1

    assert place.log().recover() == 0

    assert place.committed() == {kept.id: 1}
    assert place.spooled() == []


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_many_committers_at_once_commit_everything_once(log: PredictionLog, place: Place) -> None:
    kept = [record() for _ in range(200)]
    abandon(place, [record() for _ in range(50)])
    others = [place.log() for _ in range(4)]
    start = threading.Barrier(5)

    def write() -> None:
        start.wait()
        for item in kept:
            log.accept([item])

    def commit(other: PredictionLog) -> None:
        start.wait()
        for _ in range(20):
            other.recover()

    threads = [
        threading.Thread(target=write),
        *(threading.Thread(target=commit, args=(other,)) for other in others),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()

    committed = place.committed()
    assert {item.id for item in kept} < committed.keys()
    assert len(committed) == 250
    assert set(committed.values()) == {1}


def test_records_out_of_order_are_all_kept_and_found(log: PredictionLog, place: Place) -> None:
    kept = [record() for _ in range(6)]
    log.accept([kept[2], kept[1]])
    log.accept([kept[0], kept[3], kept[4]])
    log.flush()
    log.accept([kept[5]])

    log.flush()

    assert place.committed() == {item.id: 1 for item in kept}
    assert [log.find(item.id).record for item in kept] == kept


def test_what_the_disk_refuses_is_raised_and_the_next_is_kept(
    log: PredictionLog, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, lost, second = record(), record(), record()
    log.accept([first])
    with monkeypatch.context() as full:
        full.setattr(os, "fdatasync", _full_disk)
        with pytest.raises(OSError, match="No space"):
            log.accept([lost])

    log.accept([second])
    log.flush()

    assert place.committed() == {first.id: 1, second.id: 1}


def _full_disk(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_started_log_commits_by_itself(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, left = record(), record()
    abandon(place, [left])
    committed = threading.Event()
    log = place.log(commit_every_s=0.001)
    flush = log.flush

    def flush_and_look() -> None:
        flush()
        if len(place.committed()) == 2:
            committed.set()

    monkeypatch.setattr(log, "flush", flush_and_look)
    log.start()
    log.accept([kept])

    arrived = committed.wait(30)
    log.close()

    assert arrived
    assert place.committed() == {kept.id: 1, left.id: 1}


def test_a_commit_that_fails_loses_nothing_and_is_tried_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = record()
    tried = threading.Event()
    log = place.log(commit_every_s=0.001)
    exists = Repos.exists

    def away(repos: Repos, name: str) -> bool:
        tried.set()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Repos, "exists", away)
    with capture_logs() as logged:
        log.accept([kept])
        log.start()
        assert tried.wait(30)
        monkeypatch.setattr(Repos, "exists", exists)
        log.close()

    assert "predictions not committed" in [line["event"] for line in logged]
    assert place.committed() == {kept.id: 1}


def test_a_closed_log_takes_nothing_more(place: Place) -> None:
    log = place.log()
    log.close()
    log.close()

    with pytest.raises(LogClosed):
        log.accept([record()])


@pytest.mark.parametrize("name", ["", "../iris", "Iris", "a/b", "-x", "a" * 101])
def test_an_endpoint_whose_name_cannot_be_a_repos_is_refused(log: PredictionLog, name: str) -> None:
    with pytest.raises(InvalidEndpointName):
        log.accept([record(name)])


def abandon(place: Place, records: list[PredictionRecord], *, into: Path | None = None) -> None:
    """Leaves a spool as a killed server does: written, unlocked, in no commit."""
    lines = b"".join(msgspec.json.encode(item) + b"\n" for item in records)
    if into is not None:
        into.write_bytes(into.read_bytes() + lines)
        return
    spool = SpoolWriter(place.folder / "spool" / records[0].endpoint, f"dead-{records[0].id.lower()}")
    spool.append(lines)
    spool.seal()
