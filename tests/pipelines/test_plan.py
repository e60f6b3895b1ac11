"""What a job runs, keeps and drops, as values."""

import pytest

from headwater.pipelines.keys import datum_key, memo_key
from headwater.pipelines.kind import Datum, DatumInput
from headwater.pipelines.plan import Plan, decide
from headwater.pipelines.records import DatumRecord, Known
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
    return Known(record, None)


def plan(
    datums: list[Datum],
    before: list[Known],
    keys: list[bytes],
    memo: dict[bytes, Known],
    *,
    forced: bool = False,
) -> Plan:
    keyed = [(one, datum_key(one), memo_key(one, SALT)) for one in datums]
    return decide(keyed, dict(zip(keys, before, strict=True)), memo.get, forced=forced)


def test_a_datum_seen_for_the_first_time_is_new() -> None:
    (step,) = plan([datum()], [], [], {}).steps

    assert (step.reason, step.runs) == ("new", True)


def test_a_datum_with_the_same_memo_key_is_kept() -> None:
    one = datum()

    made = plan([one], [known(one)], [datum_key(one)], {})

    assert [step.reason for step in made.steps] == ["kept"]
    assert made.changes_nothing


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (datum("b"), "input-changed"),
        (datum(settings="x"), "input-changed"),
        (datum(code="c2"), "code-changed"),
    ],
)
def test_the_reason_names_what_changed(now: Datum, reason: str) -> None:
    before = datum()

    made = plan([now], [known(before)], [datum_key(before)], {})

    assert [step.reason for step in made.steps] == [reason]
    assert not made.changes_nothing


def test_a_datum_that_failed_before_runs_again() -> None:
    one = datum()

    (step,) = plan([one], [known(one, state="failed")], [datum_key(one)], {}).steps

    assert (step.reason, step.runs) == ("failed-before", True)


def test_reverted_data_is_recalled_and_not_run() -> None:
    first, second = datum("a"), datum("b")

    (step,) = plan([first], [known(second)], [datum_key(second)], {memo_key(first, SALT): known(first)}).steps

    assert not step.runs
    assert step.known is not step.was


def test_a_datum_that_is_no_more_is_dropped() -> None:
    gone, stays = datum(part="x"), datum(part="y")

    made = plan([stays], [known(gone), known(stays)], [datum_key(gone), datum_key(stays)], {})

    assert made.dropped == (datum_key(gone),)
    assert not made.changes_nothing


def test_a_forced_plan_runs_what_is_known() -> None:
    one = datum()

    (step,) = plan([one], [known(one)], [datum_key(one)], {}, forced=True).steps

    assert (step.reason, step.runs) == ("forced", True)


def test_branches_share_results_but_not_identity() -> None:
    main, other = datum(), datum(branch="other")

    assert datum_key(main) != datum_key(other)
    assert memo_key(main, SALT) == memo_key(other, SALT)


def test_fields_of_a_key_cannot_run_into_each_other() -> None:
    assert datum_key(datum(part="ab")) != datum_key(datum(part="a"))
    assert memo_key(datum(code="ab", settings="c"), SALT) != memo_key(datum(code="a", settings="bc"), SALT)
