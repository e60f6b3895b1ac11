"""A repo behaves as plain dictionaries would: branches of states, each commit a copy."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Repos
from headwater.storage import Storage, open_store

Files = dict[str, bytes]

PARTS = st.sampled_from(["a", "b", "c.txt", "é"])
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
DATA = st.binary(max_size=20)
PUT = st.tuples(st.just("put"), PATHS, DATA)
APPEND = st.tuples(st.just("append"), PATHS, DATA)
DELETE = st.tuples(st.just("delete"), PATHS, st.just(b""))
EDITS = st.lists(PUT | APPEND | DELETE, min_size=1, max_size=6)


def below(path: str, files: Files) -> list[str]:
    return [name for name in files if name == path or name.startswith(f"{path}/")]


def collides(path: str, files: Files) -> bool:
    return any(name.startswith(f"{path}/") or path.startswith(f"{name}/") for name in files)


class RepoMachine(RuleBasedStateMachine):
    """Does the same to a repo and to dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.catalog = Catalog.create(f"sqlite:///{self.folder}/catalog.db")
        storage = Storage(self.catalog, open_store(f"file:{self.folder}/objects"), clock=SystemClock())
        self.repo = Repos(self.catalog, storage, clock=SystemClock()).create("reviews")
        self.commits: dict[str, Files] = {}
        self.parents: dict[str, str | None] = {}
        self.heads: dict[str, str | None] = {"main": None}

    def teardown(self) -> None:
        self.catalog.close()
        shutil.rmtree(self.folder)

    @initialize(data=DATA)
    def first(self, data: bytes) -> None:
        self.commit("main", [("put", "first", data)])

    def branch(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.heads)))

    def files(self, branch: str) -> Files:
        head = self.heads[branch]
        return {} if head is None else self.commits[head]

    @rule(data=st.data(), edits=EDITS)
    def change(self, data: st.DataObject, edits: list[tuple[str, str, bytes]]) -> None:
        self.commit(self.branch(data), edits)

    def commit(self, branch: str, edits: list[tuple[str, str, bytes]]) -> None:
        files, head = dict(self.files(branch)), self.heads[branch]
        with self.repo.commit(branch, allow_empty=head is None) as commit:
            for verb, path, data in edits:
                if verb == "delete":
                    if below(path, files):
                        commit.delete(f"/{path}")
                    for name in below(path, files):
                        del files[name]
                elif not collides(path, files):
                    commit.put(f"/{path}", data, append=verb == "append")
                    files[path] = files.get(path, b"") * (verb == "append") + data
        if head is not None and files == self.commits[head]:
            assert (commit.id, commit.changed) == (head, False)
        else:
            assert commit.changed
            self.commits[commit.id], self.parents[commit.id] = files, head
            self.heads[branch] = commit.id

    @precondition(lambda self: len(self.heads) < 4)
    @rule(data=st.data())
    def branch_off(self, data: st.DataObject) -> None:
        name = f"branch-{len(self.heads)}"
        at = data.draw(st.sampled_from([None, *self.commits]))
        assert self.repo.create_branch(name, at).commit == at
        self.heads[name] = at

    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        branch, to = self.branch(data), data.draw(st.sampled_from(list(self.commits)))
        assert self.repo.move_branch(branch, to).commit == to
        self.heads[branch] = to

    @rule(data=st.data())
    def compare(self, data: st.DataObject) -> None:
        old, new = (data.draw(st.sampled_from(list(self.commits))) for _ in range(2))
        before, after = self.commits[old], self.commits[new]
        rows = {row.path[1:]: row.change for row in self.repo.diff(old, new)}
        assert rows == {
            path: "added" if path not in before else "removed" if path not in after else "changed"
            for path in {*before, *after}
            if before.get(path) != after.get(path)
        }
        assert list(rows) == sorted(rows, key=str.encode)

    @rule(data=st.data())
    def look_back(self, data: st.DataObject) -> None:
        commit: str | None = data.draw(st.sampled_from(list(self.commits)))
        assert commit is not None
        line = [info.id for info in self.repo.log(commit, limit=100).items]
        expected = []
        while commit is not None:
            expected.append(commit)
            commit = self.parents[commit]
        assert line == expected

    @invariant()
    def every_head_holds_what_was_put(self) -> None:
        assert {info.name: info.commit for info in self.repo.branches()} == self.heads
        for branch, head in self.heads.items():
            if head is not None:
                view = self.repo.at(branch)
                assert {file.path[1:]: view.read(file.path) for file in view.walk()} == self.files(branch)
                assert (view.files, view.size) == (
                    len(self.files(branch)),
                    sum(map(len, self.files(branch).values())),
                )


TestRepo = RepoMachine.TestCase
TestRepo.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
