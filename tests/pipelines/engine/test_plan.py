"""What a job runs, keeps and drops, as values."""

import pytest

from headwater.pipelines.engine.plan import Step, decide
from headwater.pipelines.engine.records import DatumRecord, Known
from headwater.pipelines.keys import datum_key, memo_key
from headwater.pipelines.kind import Datum, DatumInput
from headwater.storage import PortableFile

SALT = "0" * 32


def datum(
    content: str = "a", *, part: str = "", code: str = "c1", branch: str = "main", settings: str = ""
) -> Datum:
    hashed = content.encode().ljust(32)
    file = DatumInput("data", "reviews", branch, "1.txt", hashed, PortableFile(hashed, 1, False, ()))
    return Datum(
        label=part or "1.txt",
        inputs=(file,),
        call="call",
        params=b"",
        identity=settings.encode(),
        code=code,
        part=part,
    )


def known(one: Datum, *, state: str = "succeeded") -> Known:
    record = DatumRecord(1, memo_key(one, SALT), state, one.code, bytes(32), 0, 0, one.label, {})  # type: ignore[arg-type]
    return Known(record, ())


def step(
    one: Datum, before: Known | None = None, memo: dict[bytes, Known] | None = None, *, forced: bool = False
) -> Step:
    key = memo_key(one, SALT)
    return decide(one, datum_key(one), key, before, (memo or {}).get, forced=forced)


def test_a_datum_seen_for_the_first_time_is_new() -> None:
    made = step(datum())

    assert (made.reason, made.runs) == ("new", True)


def test_a_datum_with_the_same_memo_key_is_kept() -> None:
    made = step(datum(), known(datum()))

    assert (made.reason, made.runs, made.changes) == ("kept", False, False)


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (datum("b"), "input-changed"),
        (datum(settings="x"), "input-changed"),
        (datum(code="c2"), "code-changed"),
    ],
)
def test_the_reason_names_what_changed(now: Datum, reason: str) -> None:
    made = step(now, known(datum()))

    assert (made.reason, made.runs) == (reason, True)


@pytest.mark.parametrize("state", ["failed", "recovered"])
def test_a_datum_that_failed_before_runs_again(state: str) -> None:
    made = step(datum(), known(datum(), state=state))

    assert (made.reason, made.runs) == ("failed-before", True)


def test_reverted_data_is_recalled_and_not_run() -> None:
    first, second = datum("a"), datum("b")

    made = step(first, known(second), {memo_key(first, SALT): known(first)})

    assert (made.runs, made.changes) == (False, True)


def test_a_forced_plan_runs_what_is_known() -> None:
    made = step(datum(), known(datum()), forced=True)

    assert (made.reason, made.runs) == ("forced", True)


def test_branches_share_results_but_not_identity() -> None:
    main, other = datum(), datum(branch="other")

    assert datum_key(main) != datum_key(other)
    assert memo_key(main, SALT) == memo_key(other, SALT)


def test_fields_of_a_key_cannot_run_into_each_other() -> None:
    assert datum_key(datum(part="ab")) != datum_key(datum(part="a"))
    assert memo_key(datum(code="ab", settings="c"), SALT) != memo_key(datum(code="a", settings="bc"), SALT)
