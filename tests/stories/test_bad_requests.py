"""Training that cannot be: each mistake is named, with what to do, and nothing is made."""

from pathlib import Path

import pytest

import headwater as hw
from tests.stories.program import Command, commands_in, program_in

ROWS = """\
5.1,3.5,red
4.9,3.0,blue
4.7,3.2,red
4.6,3.1,blue
5.0,3.6,red
5.4,3.9,blue
4.6,3.4,red
5.0,3.4,blue
4.4,2.9,red
4.8,3.1,blue
"""
HEADER = "length,width,colour\n"
FLOWERS = HEADER + 2 * ROWS
FILES = {
    "flowers.csv": FLOWERS,
    "header.csv": HEADER,
    "empty.csv": "",
    "gaps.csv": FLOWERS.replace("4.7,", "NaN,", 1).replace("5.4,", ",", 1),
    "odd.csv": FLOWERS.replace("4.7,", "long,", 1),
    "few.csv": HEADER + ROWS.splitlines(keepends=True)[0],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad-requests")
    headwater = program_in(folder)
    headwater("init")
    with hw.open(folder) as workspace, workspace.repo("flowers", create=True).commit("main") as commit:
        for name, text in FILES.items():
            commit.put(name, text)
    return folder


@pytest.fixture
def headwater(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs command lines where every test finds what the one before left: only data."""
    return commands_in(folder, monkeypatch, capfd)


def request(data: str = "flowers@main:/flowers.csv", targets: str = "length", more: str = "") -> str:
    return f"model: flowers\ndata: {data}\ntargets: {targets}\n{more}"


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        pytest.param(
            request("flowers@main:/header.csv"),
            "invalid-data",
            ["header.csv", "no rows", "Commit"],
            id="a file with a header and no rows",
        ),
        pytest.param(
            request("flowers@main:/empty.csv"),
            "invalid-data",
            ["empty.csv", "is empty", "header"],
            id="an empty file",
        ),
        pytest.param(
            request("flowers@main:/few.csv"),
            "too-few-rows",
            ["1 row", "split"],
            id="too few rows to split",
        ),
        pytest.param(
            request(targets="lenght"),
            "invalid-request",
            ["targets", "'lenght'", "flowers.csv", "'length'"],
            id="a target that does not exist",
        ),
        pytest.param(
            request(targets="colour", more="task: regression\n"),
            "target-unusable",
            ["'colour'", "column of text", "'red'", "task: auto"],
            id="a column of text as a numeric target",
        ),
        pytest.param(
            request("flowers@main:/odd.csv", more="task: regression\n"),
            "target-unusable",
            ["'length'", "1 value of 20", "'long'", "row 3"],
            id="one text among the numbers of a target",
        ),
        pytest.param(
            request("flowers@main:/gaps.csv"),
            "target-unusable",
            ["'length'", "2 rows of 20", "rows 3, 6", 'where: "length is not None"'],
            id="targets without a value",
        ),
        pytest.param(
            request(more="algoritm: xgboost\n"),
            "invalid-request",
            ["algoritm", "'algorithm'"],
            id="a field that no request has",
        ),
        pytest.param(
            request(more="algorithm: {params: {max_dept: 3}}\n"),
            "invalid-request",
            ["algorithm.params.max_dept", "max_depth"],
            id="a parameter that the algorithm does not have",
        ),
        pytest.param(
            request(more="candidates: [random-forest]\n"),
            "invalid-request",
            ["candidates", "not available in this version", "algorithm"],
            id="what this version cannot do",
        ),
        pytest.param(
            request("flower@main:/flowers.csv"),
            "repo-not-found",
            ["'flower'", "'flowers'"],
            id="a repo that does not exist",
        ),
        pytest.param(
            request("flowers@mian:/flowers.csv"),
            "ref-not-found",
            ["mian", "main"],
            id="a branch that does not exist",
        ),
        pytest.param(
            request("flowers@main:/flower.csv"),
            "path-not-found",
            ["flower.csv", "flowers.csv"],
            id="a file that does not exist",
        ),
        pytest.param(
            request("flowers"),
            "invalid-request",
            ["data", "'flowers'", "REPO@BRANCH:/PATH"],
            id="data that names no file",
        ),
        pytest.param(
            request(more="promote: [dev, produktion]\n"),
            "environment-not-found",
            ["produktion", "prod"],
            id="an environment that does not exist",
        ),
        pytest.param("model: flowers\n  data: [", "invalid-request", ["YAML", "line 2"], id="no YAML"),
        pytest.param("just a text", "invalid-request", ["model", "data", "targets"], id="no mapping"),
        pytest.param("", "invalid-request", ["model", "data", "targets"], id="an empty file as request"),
    ],
)
def test_the_mistake_is_named_and_nothing_is_made(
    headwater: Command, folder: Path, text: str, kind: str, says: list[str]
) -> None:
    (folder / "request.yaml").write_text(text)

    ended = headwater("train", "-f", "request.yaml", "--wait", "--json", status=1)

    told = ended.error["message"] + "\n" + ended.error["hint"]
    assert ended.out == ""
    assert ended.error["kind"] == kind
    assert [word for word in says if word not in told] == [], told
    assert ended.error["hint"]
    _nothing_was_made(folder)


def test_several_mistakes_are_named_at_once(headwater: Command, folder: Path) -> None:
    (folder / "request.yaml").write_text(
        "model: My Flowers\n"
        "data: flowers@main:/flowers.csv\n"
        "targets: [length, length]\n"
        "split: {test: 0.7, validation: 0.4}\n"
        "gates: [{metric: r3, min: 0.2}]\n"
        "where: length >\n"
    )

    ended = headwater("train", "-f", "request.yaml", "--json", status=1)

    fields = [one["field"] for one in ended.error["details"]]
    assert fields == ["model", "targets", "split", "gates[0].metric", "where"]
    assert "5 mistakes" in ended.error["message"]
    for one in ended.error["details"]:
        assert one["message"] in ended.error["message"]
    _nothing_was_made(folder)


def test_a_person_reads_the_same_as_lines(headwater: Command, folder: Path) -> None:
    (folder / "request.yaml").write_text(request(targets="lenght"))

    ended = headwater("train", "-f", "request.yaml", status=1)

    assert ended.out == ""
    assert ended.err.startswith("Error: ")
    assert "'length'" in ended.err


def test_a_request_that_is_not_there_is_named(headwater: Command, folder: Path) -> None:
    ended = headwater("train", "-f", "nowhere.yaml", "--json", status=1)

    assert ended.error["kind"] == "not-found"
    assert "nowhere.yaml" in ended.error["message"]
    _nothing_was_made(folder)


def _nothing_was_made(folder: Path) -> None:
    with hw.open(folder) as workspace:
        assert workspace.requests.list().items == []
        assert workspace.models().items == []
        assert [repo.name for repo in workspace.repos()] == ["flowers"]
        assert len(workspace.log("flowers").items) == 1
    assert not (folder / ".headwater" / "logs").exists(), "no worker was started"
