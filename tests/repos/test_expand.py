"""Globs over real trees: what they find, in which order, and what they look at."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.repos import Repo, View
from headwater.repos.reading.glob import read_glob
from headwater.storage import FileEntry, Tree


def fill(repo: Repo, paths: list[str]) -> View:
    with repo.commit(allow_empty=True) as commit:
        if repo.log().items:
            commit.delete("/")
        for path in paths:
            commit.put(path, path)
    return repo.at()


def found(view: View, pattern: str) -> list[str]:
    return [info.path for info in view.glob(pattern)]


@pytest.fixture
def view(reviews: Repo) -> View:
    return fill(
        reviews, ["/1.csv", "/2.txt", "/a/1.csv", "/a/b/1.csv", "/a/b/c/2.txt", "/ab/1.csv", "/b.csv"]
    )


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("/", ["/"]),
        ("/*", ["/1.csv", "/2.txt", "/a", "/ab", "/b.csv"]),
        ("/*.csv", ["/1.csv", "/b.csv"]),
        ("/*/", ["/a", "/ab"]),
        ("/a", ["/a"]),
        ("/a/", ["/a"]),
        ("/1.csv/", []),
        ("/a/b/1.csv", ["/a/b/1.csv"]),
        ("/a*", ["/a", "/ab"]),
        ("/*/1.csv", ["/a/1.csv", "/ab/1.csv"]),
        ("/a/*/*", ["/a/b/1.csv", "/a/b/c"]),
        ("/**/1.csv", ["/1.csv", "/a/1.csv", "/a/b/1.csv", "/ab/1.csv"]),
        ("/a/**", ["/a/1.csv", "/a/b", "/a/b/1.csv", "/a/b/c", "/a/b/c/2.txt"]),
        ("/a/**/", ["/a/b", "/a/b/c"]),
        ("/a**", ["/a", "/a/1.csv", "/a/b", "/a/b/1.csv", "/a/b/c", "/a/b/c/2.txt", "/ab", "/ab/1.csv"]),
        ("/{a,a/b}/1.csv", ["/a/1.csv", "/a/b/1.csv"]),
        ("/nothing/*", []),
        ("/a/b/1.csv/*", []),
    ],
)
def test_a_glob_finds_files_and_folders_in_order(view: View, pattern: str, paths: list[str]) -> None:
    assert found(view, pattern) == paths


def test_a_folder_that_is_found_tells_its_size_and_digest(view: View) -> None:
    assert list(view.glob("/a/")) == [view.stat("/a")]
    assert list(view.glob("/")) == [view.stat("/")]


def test_captures_come_with_what_was_found(view: View) -> None:
    assert [(match.file.path, match.captures) for match in view.captures("/(*)/(*).csv")] == [
        ("/a/1.csv", ("a", "1")),
        ("/ab/1.csv", ("ab", "1")),
    ]


NAMES = st.text("ab1.", min_size=1, max_size=3).filter(lambda name: name not in {".", ".."})
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=3).map(tuple), unique=True, max_size=12)
PATTERNS = st.lists(
    st.sampled_from(
        ["a", "b", "*", "a*", "*.", "?", "??", "[ab]*", "**", "a**", "{a,b}", "(*)1", "{a/b,1}*"]
    ),
    min_size=1,
    max_size=3,
).map("/".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths=PATHS, pattern=PATTERNS, only_folders=st.booleans())
def test_a_glob_finds_what_trying_every_path_finds(
    reviews: Repo, paths: list[tuple[str, ...]], pattern: str, only_folders: bool
) -> None:
    files = {
        "/".join(path) for path in paths if not any(path == other[: len(path)] != other for other in paths)
    }
    view = fill(reviews, sorted(files))
    folders = {path[: path.index("/", at)] for path in files for at in range(len(path)) if "/" in path[at:]}
    glob = read_glob(pattern)

    matched = found(view, pattern + "/" * only_folders)

    everything = folders if only_folders else files | folders
    assert sorted(matched) == sorted(f"/{path}" for path in everything if glob.match(path) is not None)
    assert matched == sorted(matched, key=lambda path: _key(path, folders))


def _key(path: str, folders: set[str]) -> tuple[bytes, int]:
    """A folder stands before its first file."""
    return (f"{path}/".encode(), 0) if path[1:] in folders else (path.encode(), 1)


def test_a_glob_looks_at_no_more_than_can_match(reviews: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [f"/big/{number:05d}.csv" for number in range(2_000)]
    view = fill(reviews, [*many, "/small/1.csv", "/small/2.csv", "/top.csv"])
    seen: list[str] = []
    entries = Tree.entries

    def watched(tree: Tree, prefix: str = "", after: str | None = None) -> Iterator[FileEntry]:
        for entry in entries(tree, prefix, after):
            seen.append(entry.path)
            yield entry

    monkeypatch.setattr(Tree, "entries", watched)

    assert len(found(view, "/*.csv")) == 1
    assert len(found(view, "/small/*.csv")) == 2
    assert len(found(view, "/*/1.csv")) == 1
    assert len(found(view, "/big/0001*.csv")) == 10
    assert len(seen) < 40
