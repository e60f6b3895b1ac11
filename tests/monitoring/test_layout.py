from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from headwater.ids import CommitId, UlidSource
from headwater.monitoring.layout import (
    Batch,
    Line,
    batches,
    day_of,
    ends_of,
    is_prediction_id,
    read_line,
)

NOON = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp() * 1000)
DAY_MS = 86_400_000


def record(prediction: str, commit: str = "c1") -> tuple[bytes, Line]:
    line = Line(prediction, "iris", CommitId(commit))
    return msgspec.json.encode(line), line


def ids(times_ms: list[int]) -> list[str]:
    source = UlidSource()
    return [source.next(time) for time in times_ms]


def nothing_committed(_day: str, _first: str) -> None:
    return None


def test_the_day_of_an_id_is_that_of_utc() -> None:
    last_ms_of_the_day = NOON + DAY_MS // 2 - 1

    first, second = ids([last_ms_of_the_day, last_ms_of_the_day + 1])

    assert (day_of(first), day_of(second)) == ("2026-11-21", "2026-11-22")


def test_an_id_from_the_end_of_time_has_a_day_too() -> None:
    assert day_of("7ZZZZZZZZZZZZZZZZZZZZZZZZZ").startswith("day-")


def test_what_is_no_id_is_told_from_an_id() -> None:
    assert is_prediction_id(ids([NOON])[0])
    assert not any(
        map(is_prediction_id, ["", "01J", "8" + "0" * 25, "0" * 25 + "I", "0" * 27, "../../etc/passwd"])
    )


def test_lines_of_one_day_become_one_file_named_after_both_ends() -> None:
    first, middle, last = ids([NOON, NOON + 1, NOON + 2])

    [batch] = batches([record(first), record(middle, "c2"), record(last)], "w1", nothing_committed)

    assert batch.path == f"/2026-11-21/w1/{last}-{first}.jsonl"
    assert ends_of(batch.path) == (first, last)
    assert batch.records == 3
    assert batch.versions == {("iris", "c1"), ("iris", "c2")}


def test_a_file_never_spans_two_days() -> None:
    found = list(batches(map(record, ids([NOON, NOON + DAY_MS])), "w1", nothing_committed))

    assert [batch.path.split("/")[1] for batch in found] == ["2026-11-21", "2026-11-22"]


def test_what_a_commit_has_already_is_left_out() -> None:
    names = ids([NOON] * 5)

    [batch] = batches(map(record, names), "w1", lambda _day, _first: names[2])

    assert ends_of(batch.path) == (names[3], names[4])


def test_what_is_committed_whole_gives_no_file() -> None:
    names = ids([NOON] * 5)

    assert list(batches(map(record, names), "w1", lambda _day, _first: names[-1])) == []


@given(
    steps_ms=st.lists(st.integers(0, DAY_MS), min_size=1, max_size=40),
    committed=st.integers(0, 40),
    file_bytes=st.integers(1, 2_000),
)
def test_every_record_is_in_exactly_one_file_and_in_order(
    steps_ms: list[int], committed: int, file_bytes: int
) -> None:
    times, now = [], NOON
    for step in steps_ms:
        now += step
        times.append(now)
    names = ids(times)
    done = names[:committed]

    def last_committed(day: str, first: str) -> str | None:
        return max((name for name in done if day_of(name) == day and name >= first), default=None)

    found = list(batches(map(record, names), "w1", last_committed, file_bytes=file_bytes))

    assert [line["id"] for batch in found for line in _lines(batch)] == names[committed:]
    assert all(ends_of(batch.path) == (_lines(batch)[0]["id"], _lines(batch)[-1]["id"]) for batch in found)


def _lines(batch: Batch) -> list[dict[str, str]]:
    return [msgspec.json.decode(line) for line in batch.data.splitlines()]


@given(st.binary(max_size=200))
def test_a_line_that_is_no_record_is_none(noise: bytes) -> None:
    assert read_line(noise) is None
