"""What objects show of themselves in a notebook: small tables, whatever the names are, and no walk over everything."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import headwater as hw
from headwater.api.documents import CommitInfo, Listing, PipelineInfo
from headwater.api.graph import picture_svg, tree_lines
from headwater.api.html import MOST_ROWS

HOSTILE = "<script>alert('&\"')</script>"


def pipeline(name: str, *inputs: str, last: str | None = "succeeded", state: str = "running") -> PipelineInfo:
    return PipelineInfo(
        name=name,
        kind="transform",
        version=1,
        state=state,  # type: ignore[arg-type]  # one of the states, in all tests
        inputs=[f"{one}:/*" for one in inputs],
        output=f"{name}@main",
        created="2026-10-02T09:30:00.000Z",
        last_state=last,  # type: ignore[arg-type]  # likewise
    )


DIAMOND = (
    pipeline("model", "training@main"),
    pipeline("inference", "reviews@main", "model@main"),
    pipeline("report", "inference@main", "training@main", last="failed"),
    pipeline("lonely", last=None, state="paused"),
)


def parsed(page: str) -> ET.Element:
    return ET.fromstring(page)  # noqa: S314 - the page was written by what is tested


@pytest.fixture
def opened(prepared: Path, tmp_path: Path) -> "hw.Workspace":
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    return hw.open(tmp_path)


@pytest.mark.parametrize(
    ("look", "says"),
    [
        (lambda ws: ws, ("<svg", ">reviews<", ">words@main<", "43 B")),
        (lambda ws: ws.repo("reviews"), ("Repo reviews (data)", ">main<")),
        (lambda ws: ws.repo("reviews").log(), (">finished<", ">files<")),
        (lambda ws: ws.repo("reviews").at("main"), ("Files of reviews@", ">/1.txt<", ">12 B<")),
        (lambda ws: ws.repo("words").resolve(), ("Commit words@", ">code<")),
        (lambda ws: ws.pipelines, ("<svg", ">words@main:/<")),
        (lambda ws: ws.jobs, (">words<", "3 run, 0 kept")),
        (lambda ws: ws.info(), ("<strong>Workspace</strong>",)),
    ],
)
def test_what_is_evaluated_in_a_cell_shows_itself(
    opened: "hw.Workspace", look: Callable[["hw.Workspace"], object], says: tuple[str, ...]
) -> None:
    with opened as workspace:
        page = look(workspace)._repr_html_()  # type: ignore[attr-defined]  # what a notebook asks for

    parsed(f"<page>{page}</page>")
    assert [one for one in says if one not in page] == []


def test_names_and_messages_are_never_markup(tmp_path: Path) -> None:
    with hw.open(tmp_path, create=True) as workspace:
        repo = workspace.repo("reviews", create=True)
        with repo.commit("main", message=HOSTILE) as commit:
            commit.put(f"/{HOSTILE.replace('/', '')}.txt", "A fine film.")
        shown: list[Any] = [repo, repo.at(), repo.log(), repo.resolve(), next(iter(repo.at().list("/")))]
        pages = [one._repr_html_() for one in shown]
    pages += [
        picture_svg([pipeline(HOSTILE, f"of-{HOSTILE}@main")]),
        Listing([pipeline(HOSTILE)])._repr_html_(),
    ]

    for page in pages:
        parsed(f"<page>{page}</page>")
        assert "<script" not in page
        assert "&lt;script&gt;" in page


def test_of_many_rows_the_first_are_shown_and_the_rest_is_not_looked_at(tmp_path: Path) -> None:
    with hw.open(tmp_path, create=True) as workspace:
        repo = workspace.repo("reviews", create=True)
        with repo.commit("main") as commit:
            for number in range(3 * MOST_ROWS):
                commit.put(f"/{number:03}.txt", "A fine film.")
        view = repo.at()
        page, node = view._repr_html_(), str(repo)

    assert page.count(".txt") == MOST_ROWS
    assert "… and more" in page
    assert node == "Repo('reviews')"


def test_a_page_of_a_list_says_how_to_see_the_rest() -> None:
    commits = [
        CommitInfo(f"{number:032}", "s", "r", "main", None, "", "", 1, 1, "finished", [])
        for number in range(MOST_ROWS + 2)
    ]

    page = Listing(commits, "c<1>")._repr_html_()

    assert "… and 2 more in .items; the next page: cursor=&#x27;c&lt;1&gt;&#x27;" in page
    assert page.count("<tr>") == MOST_ROWS + 1


def test_a_picture_has_a_box_for_each_and_a_line_for_each_that_feeds_another() -> None:
    picture = parsed(picture_svg(DIAMOND))

    names = [title.text for title in picture.iter("{http://www.w3.org/2000/svg}title")]
    paths = list(picture.iter("{http://www.w3.org/2000/svg}path"))
    assert sorted(map(str, names)) == [
        "inference",
        "lonely",
        "model",
        "report",
        "reviews@main",
        "training@main",
    ]
    assert len(paths) == 2 * 5  # a line and its point


def test_a_picture_of_too_many_is_none() -> None:
    many = [pipeline(f"p{number}", "reviews@main") for number in range(100)]

    assert picture_svg(many) == ""
    assert picture_svg([]) == ""


def test_a_tree_names_each_pipeline_once_below_the_last_of_its_inputs() -> None:
    assert list(tree_lines(DIAMOND)) == [
        "training@main",
        "└── model  succeeded",
        "    └── inference  succeeded; also reads reviews@main",
        "        └── report  failed; also reads training@main",
        "lonely  paused, no job yet",
    ]


def test_a_tree_may_be_as_deep_as_a_chain_is_long() -> None:
    chain = [pipeline(f"p{number}", f"p{number - 1}@main") for number in range(1, 2_000)]

    lines = list(tree_lines(chain))

    assert len(lines) == 2_000
    assert lines[-1].endswith("└── p1999  succeeded")
