"""Durations, sizes, cores, schedules and times as people write them."""

import pytest

from headwater.pipelines.spec.units import core_count, moment, schedule, seconds, size_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30s", 30), ("1h30m", 5_400), ("500ms", 0.5), ("1.5m", 90), ("2d", 172_800), ("90", 90), (5, 5)],
)
def test_a_duration_is_in_seconds(text: str | float, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "5 minutes", "1x", "s", "1h 30"])
def test_another_text_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="30s, 1h30m"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2G", 2_000_000_000),
        ("2Gi", 2 << 30),
        ("512M", 512_000_000),
        ("1.5k", 1_500),
        ("64MiB", 64 << 20),
        ("10", 10),
        (7, 7),
    ],
)
def test_a_size_is_in_bytes(text: str | float, expected: int) -> None:
    assert size_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "much", "2X", "-1G", "G"])
def test_another_text_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="512M, 2Gi"):
        size_bytes(text)


def test_thousandths_of_a_core_are_written_with_an_m() -> None:
    assert (core_count("500m"), core_count("2"), core_count(0.5)) == (0.5, 2, 0.5)


@pytest.mark.parametrize(
    "text", ["0 3 * * *", "@daily", "@every 10s", "@every 1h30m", "@never", "*/5 * * * MON-FRI"]
)
def test_a_schedule_stays_as_it_was_written(text: str) -> None:
    assert schedule(f" {text} ") == text


@pytest.mark.parametrize("text", ["", "0 3 * *", "61 * * * *", "@sometimes", "@every", "@every 0s", "daily"])
def test_another_text_is_no_schedule(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        schedule(text)


def test_a_time_is_in_utc_whatever_zone_it_was_written_in() -> None:
    assert moment("2026-03-01T01:00:00+01:00") == "2026-03-01T00:00:00Z"
    assert moment("2026-03-01") == "2026-03-01T00:00:00Z"
