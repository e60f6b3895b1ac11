"""What jobs come to together, and how documents show themselves in a notebook."""

import msgspec
import pytest

from headwater.api.documents import DatumCounts, JobInfo, JobState, Listing, PipelineInfo, PlanInfo, SetInfo
from headwater.pipelines.job_documents import set_document
from headwater.pipelines.job_progress import JobProgress
from headwater.telemetry import Silent


def job(state: JobState, *, run: int = 0, pipeline: str = "words") -> JobInfo:
    return JobInfo(
        id=f"{run:032x}",
        pipeline=pipeline,
        commit=None,
        state=state,
        datums=DatumCounts(run=run, kept=2),
        created="2026-11-21T09:05:32.120Z",
        started=None,
        finished=None,
        error=None,
    )


@pytest.mark.parametrize(
    ("states", "together"),
    [
        ((), "succeeded"),
        (("queued", "queued"), "queued"),
        (("succeeded", "queued"), "running"),
        (("failed", "running"), "running"),
        (("succeeded", "skipped"), "succeeded"),
        (("skipped", "skipped"), "skipped"),
        (("failed", "blocked"), "failed"),
        (("succeeded", "blocked"), "blocked"),
        (("succeeded", "cancelled", "blocked"), "cancelled"),
    ],
)
def test_a_set_has_ended_when_all_its_jobs_have_and_its_worst_one_says_how(
    states: tuple[JobState, ...], together: JobState
) -> None:
    assert set_document("s", [job(state) for state in states]).state == together


def test_a_set_sums_up_what_its_jobs_did() -> None:
    made = set_document("s", [job("succeeded", run=1), job("succeeded", run=2)])

    assert made.datums == DatumCounts(run=3, kept=4)
    assert [one.datums.run for one in made.jobs] == [1, 2]


def test_counts_name_what_there_is_beside_what_ran_and_was_kept() -> None:
    assert str(DatumCounts(run=1, kept=999)) == "1 run, 999 kept"
    assert str(DatumCounts(run=1, dropped=2, failed=3)) == "1 run, 0 kept, 2 dropped, 3 failed"


def test_a_job_under_way_says_of_how_many_that_run_once_that_is_known() -> None:
    unknown, known = job("running", run=3), msgspec.structs.replace(job("running", run=4), total=10)
    ended = msgspec.structs.replace(job("succeeded", run=8), total=10)

    assert (unknown.to_run, unknown.progress) == (None, "3 run, 2 kept")
    assert (known.to_run, known.progress) == (8, "4 of 8 run, 2 kept")
    assert (ended.to_run, ended.progress) == (8, "8 run, 2 kept")
    assert set_document("s", [known, unknown]).progress == "7 run, 4 kept"
    assert set_document("s", [known, ended]).progress == "12 of 16 run, 4 kept"
    assert set_document("s", [ended, ended]).progress == "16 run, 4 kept"
    assert "4 of 8 run, 2 kept" in known._repr_html_()
    assert ">10</td>" in known._repr_html_()
    assert "4 of 8 run, 2 kept" in set_document("s", [known])._repr_html_()
    assert "4 of 8 run, 2 kept" in Listing([known])._repr_html_()


class Heard(Silent):
    """Progress that writes down what it hears."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def start(self, what: str, total: int | None = None, *, size_bytes: int | None = None) -> None:
        self.told.append(("start", what, total))

    def expect(self, total: int) -> None:
        self.told.append(("expect", total))

    def advance(self, steps: int = 1, note: str = "", *, size_bytes: int = 0) -> None:
        self.told.append((steps, note))

    def finish(self, note: str = "") -> None:
        self.told.append(("finish",))


def test_who_waits_hears_what_runs_and_how_much_that_is_when_it_becomes_known() -> None:
    heard = Heard()
    progress = JobProgress(heard)

    for seen in (job("queued"), job("running", run=3), job("running", run=5), job("succeeded", run=8)):
        total = 10 if seen.datums.run > 3 else None
        progress.show(msgspec.structs.replace(seen, total=total))
    progress.finish()

    assert heard.told == [
        ("start", "words", None),
        (0, "words queued; 2 kept"),
        (3, "words running; 2 kept"),
        ("expect", 8),
        (2, "words running; 2 kept"),
        (3, "words succeeded; 2 kept"),
        ("finish",),
    ]


def test_documents_show_themselves_in_a_notebook_without_letting_names_be_markup() -> None:
    one = job("failed", pipeline="<b>words</b>")
    pipeline = PipelineInfo(
        name="words",
        kind="transform",
        version=3,
        state="running",
        inputs=["reviews@main:/*"],
        output="words@main",
        created=one.created,
        last_job=one.id,
        last_state="failed",
    )
    plan = PlanInfo(pipeline="words", counts={"new": 1, "kept": 9}, total=10, runs=1)
    shown = [
        document._repr_html_()
        for document in (one, SetInfo("s", "failed", one.datums, [one]), pipeline, plan)
    ]

    assert all("<table>" in page and "<b>" not in page for page in shown)
    assert "&lt;b&gt;words&lt;/b&gt;: failed" in shown[0]
    assert "reviews@main:/*" in shown[2]
    assert "1 of 10 datums would run" in shown[3]


def test_a_list_shows_itself_in_a_notebook_as_a_table_of_what_is_short() -> None:
    page = Listing([job("failed", run=1, pipeline="<b>"), job("succeeded", run=2)])._repr_html_()

    assert page.startswith("<table>")
    assert "&lt;b&gt;" in page
    assert "1 run, 2 kept" in page
    assert "stats" not in page
    assert "none" in Listing([])._repr_html_()


def test_who_waits_for_a_job_that_is_kept_up_hears_why() -> None:
    heard = Heard()
    kept_up = msgspec.structs.replace(job("finishing", run=1), error="The folder is full.\nMore.")

    JobProgress(heard).show(kept_up)

    assert heard.told[-1] == (1, "words finishing (The folder is full.); 2 kept")
