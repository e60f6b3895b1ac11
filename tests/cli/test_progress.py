"""What a person sees of long work: a bar or lines, how much there is, and how long the rest takes."""

import io
from typing import Any

import pytest
from rich.console import Console

from headwater.cli.progress import Lines, open_progress
from headwater.cli.remaining import Remaining, left_text
from tests.clocks import HandClock


def heard(remaining: Remaining, clock: HandClock, *steps: tuple[float, float]) -> None:
    """Tells what was done when, in seconds since the steps before."""
    for after_s, done in steps:
        clock.sleep(after_s)
        remaining.hear(done)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def remaining(clock: HandClock) -> Remaining:
    return Remaining(clock.monotonic_s)


def test_nothing_is_said_before_something_is_known(remaining: Remaining, clock: HandClock) -> None:
    assert remaining.left_s(100) is None

    heard(remaining, clock, (0, 10))
    assert remaining.left_s(100) is None
    heard(remaining, clock, (0.5, 20))
    assert remaining.left_s(100) is None


def test_what_took_a_while_to_begin_is_no_part_of_the_rate(remaining: Remaining, clock: HandClock) -> None:
    heard(remaining, clock, (0, 0), (30, 0), *[(1, done) for done in (5, 10, 15)])

    assert remaining.left_s(100) == pytest.approx(17)


def test_the_rate_is_that_of_the_last_while(remaining: Remaining, clock: HandClock) -> None:
    heard(remaining, clock, (0, 0), *[(1, done) for done in range(100, 6_100, 100)])
    heard(remaining, clock, *[(1, done) for done in range(6_010, 6_310, 10)])

    assert remaining.left_s(6_400) == pytest.approx(10)


def test_rare_bursts_have_a_rate_too_and_time_counts_down_between_them(
    remaining: Remaining, clock: HandClock
) -> None:
    heard(remaining, clock, (0, 0), *[(60, done) for done in (2, 4, 6)])
    assert remaining.left_s(12) == pytest.approx(180)

    clock.sleep(30)
    assert remaining.left_s(12) == pytest.approx(150)
    clock.sleep(300)
    later = remaining.left_s(12)
    assert later is not None
    assert later > 300


def test_many_small_steps_are_held_as_few(remaining: Remaining, clock: HandClock) -> None:
    heard(remaining, clock, *[(0.001, done) for done in range(30_000)])

    assert remaining.left_s(31_000) == pytest.approx(1, rel=0.3)
    assert len(remaining._bursts) < 200  # noqa: SLF001 - that it stays small is what is promised


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s left"),
        (59, "59 s left"),
        (61, "2 min left"),
        (3_540, "59 min left"),
        (7_500, "2 h 5 min left"),
    ],
)
def test_times_are_written_as_people_say_them(seconds: float, text: str) -> None:
    assert left_text(seconds) == text


def test_lines_say_how_much_there_is_when_it_becomes_known() -> None:
    stream = io.StringIO()
    lines = Lines(stream)

    lines.start("words")
    lines.advance(3, "words running")
    lines.expect(503)
    lines.advance(4, "words running")

    assert stream.getvalue().splitlines() == ["words …", "  words running", "  503 in all"]


def test_a_bar_counts_without_an_end_until_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock()
    monkeypatch.setattr("headwater.cli.progress.Remaining", lambda: Remaining(clock.monotonic_s))
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, color_system=None)
    shown: list[str] = []

    with open_progress(console) as bar:
        bar.start("words")
        for done in range(5):
            clock.sleep(1)
            bar.advance(done and 10, "words running; 900 kept")
            if done == 3:
                shown.append(drawn(console, bar))
                bar.expect(80)
        shown.append(drawn(console, bar))

    assert " 30 " in shown[0]
    assert "left" not in shown[0]
    assert "40/80" in shown[1]
    assert "4 s left" in shown[1]
    assert "words running; 900 kept" in shown[1]


def drawn(console: Console, bar: Any) -> str:
    """Returns what the bars look like right now."""
    with console.capture() as capture:
        console.print(bar._bars.get_renderable())  # noqa: SLF001 - drawn by a clock of its own else
    return capture.get()
