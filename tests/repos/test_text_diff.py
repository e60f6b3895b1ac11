"""What differs in files, line by line; and differences of one folder, or of two repos."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.api.documents import TextDiff
from headwater.repos import PathNotFound, Repo, Repos
from headwater.repos.reading.text_diff import compare, texts
from headwater.storage import InvalidPath, Storage


def commit(repo: Repo, files: dict[str, str | bytes | None]) -> None:
    with repo.commit() as changes:
        for path, data in files.items():
            if data is None:
                changes.delete(path)
            else:
                changes.put(path, data)


@pytest.fixture
def changed(reviews: Repo) -> Repo:
    commit(
        reviews, {"/a/text": "one\ntwo\nthree\n", "/a/old": "x\n", "/b/image": b"\0\1", "/large": "l" * 3_000}
    )
    commit(
        reviews,
        {"/a/text": "one\n2\nthree", "/a/old": None, "/b/image": b"\0\2", "/large": "L" * 3_000, "/new": "n"},
    )
    return reviews


def differences(repo: Repo, path: str = "/") -> dict[str, TextDiff]:
    return {one.path: one for one in repo.at("main^").text_diff(repo.at(), path, most_bytes=2_000)}


def test_texts_are_compared_line_by_line(changed: Repo) -> None:
    found = differences(changed)

    assert found["/a/text"].text == (
        "--- a/a/text\n+++ b/a/text\n@@ -1,3 +1,3 @@\n one\n-two\n-three\n+2\n+three\n\\ No newline at end of file\n"
    )
    assert found["/a/old"].text == "--- a/a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    assert found["/new"].text == "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+n\n\\ No newline at end of file\n"


def test_what_is_no_text_or_too_long_is_named(changed: Repo) -> None:
    found = differences(changed)

    assert found["/b/image"] == TextDiff("/b/image", "changed", None, "binary")
    assert found["/large"] == TextDiff("/large", "changed", None, "too large")
    assert "/large: changed, too large\n" in list(texts(iter(found.values())))


def test_a_folder_or_file_is_compared_alone(changed: Repo) -> None:
    assert list(differences(changed, "/a")) == ["/a/old", "/a/text"]
    assert list(differences(changed, "/a/text")) == ["/a/text"]
    assert [row.path for row in changed.diff("main^", "main", "/b")] == ["/b/image"]
    assert list(changed.diff("main", "main", "/b")) == []


def test_a_path_that_neither_has_is_an_error(changed: Repo) -> None:
    with pytest.raises(PathNotFound, match="none"):
        changed.diff("main^", "main", "/none")
    with pytest.raises(InvalidPath):
        changed.diff("main^", "main", "/../a")


def test_a_file_that_became_a_folder_shows_both(reviews: Repo) -> None:
    commit(reviews, {"/a": "1", "/a.txt": "1"})
    commit(reviews, {"/a": None})
    commit(reviews, {"/a/b": "2", "/a.txt": "2"})

    rows = [(row.path, row.change) for row in reviews.diff("main^2", "main", "/a")]

    assert rows == [("/a", "removed"), ("/a/b", "added")]


def test_two_repos_are_compared(repos: Repos, changed: Repo) -> None:
    other = repos.create("other")
    with other.commit() as changes:
        changes.copy("/", "", of=changed.at("main^"))

    assert list(changed.at("main^").diff(other.at())) == []
    assert len(list(other.at().diff(changed.at()))) == len(differences(changed))


LINES = st.lists(st.sampled_from(["a\n", "b\n", "\n", "c\x0c\n", "d\r\n"]), max_size=12)


@given(LINES, LINES, st.booleans())
def test_patch_makes_the_new_state_of_the_old_one(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], new: list[str], ended: bool
) -> None:
    before, after = "".join(old).encode(), ("".join(new) + ("" if ended else "end")).encode()
    file: Path = tmp_path_factory.mktemp("patch") / "file"
    file.write_bytes(before)

    text = compare("/file", "changed", before, after).text

    if text:
        subprocess.run(["patch", "-s", "--binary", str(file)], input=text.encode(), check=True)
    assert file.read_bytes() == after


@given(st.sets(st.integers(0, 400)), st.sets(st.integers(0, 400)), st.integers(0, 9))
def test_a_folders_differences_are_those_of_all_that_lie_in_it(
    laws: Storage, old: set[int], new: set[int], folder: int
) -> None:
    from headwater.storage import Put

    writer = laws.writer()
    trees = []
    for numbers, text in ((old, b"1"), (new, b"2")):
        puts = []
        for number in numbers:
            data = text if number % 3 else b"same"
            puts.append(Put(f"{number % 10}/{number}", writer.add(data)))
        trees.append(writer.edit(laws.tree(None), puts))

    everything = list(trees[0].diff(trees[1]))
    inside = list(trees[0].diff(trees[1], str(folder)))
    writer.abort()

    assert inside == [
        pair
        for pair in everything
        if any(one is not None and one.path.startswith(f"{folder}/") for one in pair)
    ]


@pytest.fixture(scope="module")
def laws(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    from headwater.db import Catalog
    from headwater.storage import open_store

    folder = tmp_path_factory.mktemp("laws")
    return Storage(Catalog.create(f"sqlite:///{folder}/catalog.db"), open_store(f"file:{folder}/objects"))
