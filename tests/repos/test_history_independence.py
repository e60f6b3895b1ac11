"""However edits are ordered, batched and made durable: the same files have the same root."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.ids import random_id
from headwater.repos import Gathering, OpenCommit, Repo, Repos
from headwater.storage import Storage, open_store

Files = dict[str, str]
How = Literal["commit", "transaction", "open at once", "open over calls"]

FOLDERS = ["/a", "/b", "/a/b", "/a-", "/b/a/b", "/c"]
LEAVES = [f"{folder}/{name}" for folder in ["", *FOLDERS] for name in ("1", "2")]


class Said(NamedTuple):
    """One edit, as it can be said to every kind of commit."""

    verb: Literal["put", "append", "delete", "copy", "move"]
    path: str
    to: str = ""
    text: str = ""


def saids() -> st.SearchStrategy[Said]:
    leaf, folder = st.sampled_from(LEAVES), st.sampled_from(FOLDERS)
    text, verb = st.text("xyz", max_size=3), st.sampled_from(["copy", "move"])
    return st.one_of(
        st.builds(lambda path, text: Said("put", path, text=text), leaf, text),
        st.builds(lambda path, text: Said("append", path, text=text), leaf, text),
        st.builds(lambda path: Said("delete", path), leaf | folder | st.just("/")),
        st.builds(Said, verb, leaf, leaf),
        st.builds(Said, verb, folder, folder),
    )


def batches() -> st.SearchStrategy[list[tuple[How, list[Said]]]]:
    how: st.SearchStrategy[How] = st.sampled_from(
        ["commit", "transaction", "open at once", "open over calls"]
    )
    return st.lists(st.tuples(how, st.lists(saids(), max_size=8)), max_size=5)


def below(files: Files, path: str) -> list[str]:
    return [name for name in files if path in (name, "/") or name.startswith(f"{path}/")]


def applied(files: Files, said: Said) -> Files | None:
    """Returns the files after an edit; none where it cannot be said."""
    verb, path, to, text = said
    found = below(files, path)
    if verb == "put":
        return files | {path: text}
    if verb == "append":
        return files | {path: files.get(path, "") + text}
    if not found:
        return None
    left = files if verb == "copy" else {name: files[name] for name in files if name not in found}
    if verb == "delete":
        return left
    return left | {to + name.removeprefix(path): files[name] for name in found}


def say(changes: Gathering | OpenCommit, said: Said) -> None:
    verb, path, to, text = said
    if verb == "put":
        changes.put(path, text)
    elif verb == "append":
        changes.append(path, text)
    elif verb == "delete":
        changes.delete(path)
    elif verb == "copy":
        changes.copy(path, to)
    else:
        changes.move(path, to)


def carry_out(repos: Repos, repo: Repo, how: How, edits: list[Said]) -> None:
    if how == "commit":
        with repo.commit(allow_empty=True) as commit:
            for said in edits:
                say(commit, said)
    elif how == "transaction":
        with repos.transaction() as transaction:
            for said in edits:
                say(transaction.repo(repo.name), said)
    else:
        begun = repo.start()
        if how == "open at once":
            with begun.edit() as changes:
                for said in edits:
                    say(changes, said)
        else:
            for said in edits:
                say(begun, said)
        begun.finish()


@pytest.fixture(scope="module")
def repos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repos]:
    folder = tmp_path_factory.mktemp("laws")
    catalog = Catalog.create(f"sqlite:///{folder}/catalog.db")
    storage = Storage(catalog, open_store(f"file:{folder}/objects"), clock=SystemClock())
    yield Repos(catalog, storage, clock=SystemClock())
    catalog.close()


def new_repo(repos: Repos, files: Files) -> Repo:
    repo = repos.create(f"r-{random_id()}")
    with repo.commit(allow_empty=True) as commit:
        for path in sorted(files, reverse=True):
            commit.put(path, files[path])
    return repo


@given(batches())
def test_the_same_files_have_the_same_root(repos: Repos, batches: list[tuple[How, list[Said]]]) -> None:
    files: Files = {"/1": "first"}
    repo = new_repo(repos, files)
    for how, edits in batches:
        possible = []
        for said in edits:
            after = applied(files, said)
            if after is not None:
                files = after
                possible.append(said)
        carry_out(repos, repo, how, possible)

    view = repo.at()
    assert {file.path: view.read(file.path).decode() for file in view.walk()} == files
    assert view.tree.root_hash == new_repo(repos, files).at().tree.root_hash


@settings(max_examples=20)
@given(st.data())
def test_thousands_of_files_in_any_order_and_batching_have_one_root(
    repos: Repos, data: st.DataObject
) -> None:
    numbers = range(data.draw(st.integers(1, 3_000)))
    order = data.draw(st.randoms(use_true_random=False))
    files = {f"/{number % 7}/{number:05}": str(number % 11) for number in numbers}
    left = sorted(files, key=lambda _: order.random())
    repo = new_repo(repos, {"/gone/1": "", "/gone/2": ""})

    begun = repo.start()
    begun.delete("/gone")
    while left:
        count = order.randint(1, len(left))
        batch, left = left[:count], left[count:]
        with repo.commit() if order.random() < 0.5 else begun.edit() as changes:
            for path in batch:
                changes.put(path, "wrong" if order.random() < 0.05 else files[path])
            for path in batch:
                changes.put(path, files[path])
    begun.finish()

    assert repo.at().tree.root_hash == new_repo(repos, files).at().tree.root_hash
