"""How many failures are told: equal ones as one."""

from tracemalloc import get_traced_memory, start, stop

import pytest

from headwater.pipelines.engine.failures import Failures
from headwater.pipelines.engine.plan import Step
from headwater.pipelines.errors import DatumsFailed
from headwater.pipelines.kind import Datum, DatumInput
from headwater.pipelines.sets import CallError, DatumResult


def fail(failures: Failures, label: str, message: str, kind: str = "function-failed") -> None:
    seen = DatumInput("texts", "texts", "main", label, b"")
    step = Step(
        Datum(f"texts:/{label}", (seen,), "call", b"", b"", "code"), label.encode(), b"", "new", None, None
    )
    error = CallError(kind, message, f"Mend {kind}.", [])
    failures.add(step, DatumResult(step.key, "failed", error=error, log=b"its log"))


def lines(failures: Failures) -> list[str]:
    return failures.error().message.splitlines()


def test_equal_failures_are_one_line_with_a_few_names() -> None:
    failures = Failures()
    for number in range(1_000, 0, -1):
        fail(failures, f"{number:04}.csv", "KeyError: 'x' (load.py:12)")
    fail(failures, "other.csv", "ZeroDivisionError: division by zero (load.py:30)")

    error = failures.error()

    assert error.kind == DatumsFailed.kind
    assert error.message.splitlines() == [
        "1,000 datums: KeyError: 'x' (load.py:12), e.g. texts:/0001.csv, texts:/0002.csv, texts:/0003.csv, …",
        "texts:/other.csv: ZeroDivisionError: division by zero (load.py:30)",
    ]
    assert [one["datum"] for one in error.details] == [f"texts:/000{number}.csv" for number in (1, 2, 3)] + [
        "texts:/other.csv"
    ]
    assert error.details[0]["inputs"] == ["texts@main:/0001.csv"]
    assert error.details[0]["log"] == "its log"
    assert error.hint == "Mend function-failed."


@pytest.mark.parametrize(
    "message",
    [
        "ValueError: row {number} has {number},5 fields, not 7",
        "The file /tmp/run-{number}/in/{label} is empty.",
        "{label}: no text in texts:/{label}",
        "digest {number:032x}a1 is not the one expected",
    ],
)
def test_numbers_paths_and_names_make_no_difference(message: str) -> None:
    failures = Failures()
    for number in range(7):
        label = f"{number}.txt"
        fail(failures, label, message.format(number=number, label=f"texts:/{label}"))

    assert len(lines(failures)) == 1
    assert lines(failures)[0].startswith("7 datums: ")


def test_kinds_and_words_make_a_difference() -> None:
    failures = Failures()
    for number in range(4):
        fail(failures, f"a{number}", "column x is absent")
        fail(failures, f"b{number}", "column y is absent")
        fail(failures, f"c{number}", "column x is absent", kind="command-failed")

    assert len(lines(failures)) == 3


def test_many_messages_from_one_line_of_code_are_one() -> None:
    failures = Failures()
    for number in range(500):
        word = "".join(chr(ord("a") + int(digit)) for digit in f"{number:03}")
        fail(failures, f"{number:03}.txt", f"ValueError: could not convert '{word}' to float (load.py:7)")

    [line] = lines(failures)

    assert line.startswith("500 datums: ValueError: could not convert 'aaa' to float (load.py:7), e.g. ")


def test_what_is_held_and_said_is_bounded() -> None:
    failures = Failures()
    start()
    for number in range(5_000):
        word = "".join(chr(ord("a") + int(digit)) for digit in f"{number:04}")
        fail(failures, f"{number:04}.txt", f"{word}: {'very ' * 500}long")
    held, _ = get_traced_memory()
    stop()

    error = failures.error()

    assert held < 2_000_000
    assert len(error.message) < 100_000
    assert error.message.splitlines()[-1] == "… and 4,980 datums more, which failed otherwise."
