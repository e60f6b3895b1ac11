"""A repo behaves as plain dictionaries would, whatever is done to it, by two processes, with sweeps between."""

import shutil
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import CommitNamed, CommitPurged, MergeConflict, NothingToSquash, Repo, Repos
from headwater.storage import Storage, open_store
from tests.conftest import LARGE
from tests.repos.model import Files, Model, below, collides, merged
from tests.servers.postgres import PostgresServer

PARTS = st.sampled_from(["a", "b", "c.txt", "é"])
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
DATA = st.binary(max_size=20)
PUT = st.tuples(st.just("put"), PATHS, DATA)
APPEND = st.tuples(st.just("append"), PATHS, DATA)
DELETE = st.tuples(st.just("delete"), PATHS, st.just(b""))
EDITS = st.lists(PUT | APPEND | DELETE, min_size=1, max_size=6)
WRITERS = st.sampled_from([0, 1])


@cache
def template() -> bytes:
    """Returns an empty catalog, as the bytes of its file: quicker than making one for every example."""
    with tempfile.TemporaryDirectory() as folder:
        Catalog.create(f"sqlite:///{folder}/catalog.db").close()
        return Path(folder, "catalog.db").read_bytes()


def in_file(folder: Path) -> str:
    (folder / "catalog.db").write_bytes(template())
    return f"sqlite:///{folder}/catalog.db"


class Process:
    """What one process has open of a workspace."""

    def __init__(self, catalog: Catalog, objects: str) -> None:
        self.catalog = catalog
        self.storage = Storage(catalog, open_store(objects), clock=SystemClock())
        self.repos = Repos(catalog, self.storage, clock=SystemClock())

    @property
    def repo(self) -> Repo:
        return self.repos.get("reviews")

    def close(self) -> None:
        self.storage.close()
        self.catalog.close()


class RepoMachine(RuleBasedStateMachine):
    """Does the same to a repo, by one of two processes, and to dictionaries."""

    def __init__(self, place: Callable[[Path], str] = in_file) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.url = place(self.folder)
        self.writers = [Process(Catalog.open(self.url), self.objects) for _ in range(2)]
        self.writers[0].repos.create("reviews")
        self.model = Model()
        self.count = 0

    @property
    def objects(self) -> str:
        return f"file:{self.folder}/objects"

    def teardown(self) -> None:
        for writer in self.writers:
            writer.close()
        shutil.rmtree(self.folder)

    @initialize(data=DATA)
    def first(self, data: bytes) -> None:
        self.commit(self.writers[0].repo, "main", [("put", "first", data)])

    def branch(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.model.heads)), label="branch")

    def any_commit(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(list(self.model.files)), label="commit")

    # --- commits ---

    @rule(data=st.data(), edits=EDITS, writer=WRITERS)
    def change(self, data: st.DataObject, edits: list[tuple[str, str, bytes]], writer: int) -> None:
        self.commit(self.writers[writer].repo, self.branch(data), edits)

    def commit(self, repo: Repo, branch: str, edits: list[tuple[str, str, bytes]]) -> None:
        before, head = self.model.head_files(branch), self.model.heads[branch]
        files = dict(before)
        with repo.commit(branch, allow_empty=head is None) as commit:
            for verb, path, data in edits:
                if verb == "delete":
                    if below(path, files):
                        commit.delete(f"/{path}")
                    for name in below(path, files):
                        del files[name]
                elif not collides(path, files):
                    commit.put(f"/{path}", data, append=verb == "append")
                    files[path] = files.get(path, b"") * (verb == "append") + data
        if head is not None and files == before:
            assert (commit.id, commit.changed) == (head, False)
        else:
            assert commit.changed
            self.model.add(branch, commit.id, files, parent=head)

    @rule(data=st.data())
    def both_at_once(self, data: st.DataObject) -> None:
        branch = self.branch(data)
        head = self.model.heads[branch]
        self.count += 1
        made: dict[int, str] = {}

        def put(number: int) -> None:
            with self.writers[number].repo.commit(branch) as commit:
                commit.put(f"/both/{self.count}-{number}", b"x" * number)
            made[number] = commit.id

        threads = [threading.Thread(target=put, args=(number,)) for number in (0, 1)]
        if collides("both/x", self.model.head_files(branch)):
            return
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        newest, older = (info.id for info in self.writers[0].repo.log(branch, limit=2).items)
        assert {newest, older} == set(made.values())
        for id in (older, newest):
            number = next(one for one, known in made.items() if known == id)
            files = {**self.model.head_files(branch), f"both/{self.count}-{number}": b"x" * number}
            self.model.add(branch, id, files, parent=head)
            head = id

    # --- names ---

    @precondition(lambda self: len(self.model.heads) < 4)
    @rule(data=st.data(), writer=WRITERS, is_empty=st.booleans())
    def branch_off(self, data: st.DataObject, writer: int, is_empty: bool) -> None:
        self.count += 1
        name, at = f"branch-{self.count}", None if is_empty else self.any_commit(data)
        if at is not None and self.model.files[at] is None:
            with pytest.raises(CommitPurged):
                self.writers[writer].repo.create_branch(name, at)
            return
        assert self.writers[writer].repo.create_branch(name, at).commit == at
        self.model.heads[name] = at

    @rule(data=st.data(), writer=WRITERS)
    def move(self, data: st.DataObject, writer: int) -> None:
        branch, to = self.branch(data), self.any_commit(data)
        if self.model.files[to] is None:
            with pytest.raises(CommitPurged):
                self.writers[writer].repo.move_branch(branch, to)
            return
        assert self.writers[writer].repo.move_branch(branch, to).commit == to
        self.model.heads[branch] = to

    @precondition(lambda self: len(self.model.heads) > 2)
    @rule(data=st.data(), writer=WRITERS)
    def delete_branch(self, data: st.DataObject, writer: int) -> None:
        branch = self.branch(data)
        assert self.writers[writer].repo.delete_branch(branch).commit == self.model.heads.pop(branch)

    @rule(data=st.data(), writer=WRITERS)
    def tag(self, data: st.DataObject, writer: int) -> None:
        at = data.draw(st.sampled_from(self.model.living()))
        self.count += 1
        self.writers[writer].repo.create_tag(f"tag-{self.count}", at)
        self.model.tags[f"tag-{self.count}"] = at

    @precondition(lambda self: self.model.tags)
    @rule(data=st.data(), writer=WRITERS)
    def delete_tag(self, data: st.DataObject, writer: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.model.tags)))
        assert self.writers[writer].repo.delete_tag(name).commit == self.model.tags.pop(name)

    # --- merges ---

    @rule(data=st.data(), writer=WRITERS, prefer=st.sampled_from(["ours", "theirs"]))
    def merge(self, data: st.DataObject, writer: int, prefer: str) -> None:
        model, repo = self.model, self.writers[writer].repo
        into, theirs = self.branch(data), data.draw(st.sampled_from(model.living()))
        head = model.heads[into]
        if head is not None and theirs in model.ancestors(head):
            assert repo.merge(theirs, into).how == "nothing to merge"
        elif head is None or head in model.ancestors(theirs):
            assert repo.merge(theirs, into).how == "forwarded"
            model.heads[into] = theirs
        else:
            self.merge_really(repo, into, head, theirs, prefer)

    def merge_really(self, repo: Repo, into: str, head: str, theirs: str, prefer: str) -> None:
        model = self.model
        bases = [model.files[id] for id in model.bases(head, theirs)] or [{}]
        other = model.files[theirs]
        assert other is not None
        files = merged(bases, model.head_files(into), other)
        if files is not None:
            made = repo.merge(theirs, into)
        else:
            with pytest.raises(MergeConflict):
                repo.merge(theirs, into)
            made = repo.merge(theirs, into, prefer=prefer)  # type: ignore[arg-type]
            files = self.read(repo, made.commit)
            preferred = model.head_files(into) if prefer == "ours" else other
            assert all(
                content in (model.head_files(into).get(path), other.get(path))
                for path, content in files.items()
            )
            assert not any(collides(path, files) for path in files)
            assert all(files[path] == preferred[path] for path in {*files} & {*preferred} if None in bases)
        model.add(into, made.commit, files, merged=[theirs], parent=head)

    # --- giving up ---

    @rule(data=st.data(), writer=WRITERS)
    def squash(self, data: st.DataObject, writer: int) -> None:
        model, branch = self.model, self.branch(data)
        head = model.heads[branch]
        line = model.line(head)
        if head is None:
            return
        since = data.draw(st.sampled_from(line))
        gone = line[: line.index(since)]
        if len(gone) < 2:
            with pytest.raises(NothingToSquash):
                self.writers[writer].repo.squash(branch, since)
            return
        made = self.writers[writer].repo.squash(branch, since)
        went_in = [more for id in gone for more in model.merged[id]]
        model.add(branch, made.id, model.head_files(branch), merged=[*went_in, head], parent=since)
        model.merged[made.id] = list(dict.fromkeys(model.merged[made.id]))
        del model.parents[made.id]  # it is no child of a squashed one
        gone_now = model.squashed(gone)
        model.parents[made.id] = since
        model.give_up(gone_now)

    @rule(data=st.data(), writer=WRITERS)
    def purge(self, data: st.DataObject, writer: int) -> None:
        id = self.any_commit(data)
        expected = (
            CommitPurged
            if self.model.files[id] is None
            else CommitNamed
            if id in self.model.named()
            else None
        )
        if expected is not None:
            with pytest.raises(expected):
                self.writers[writer].repo.purge(id)
            return
        self.writers[writer].repo.purge(id)
        self.model.give_up([id])

    @rule(last=st.integers(1, 4), writer=WRITERS)
    def retain(self, last: int, writer: int) -> None:
        process = self.writers[writer]
        process.repo.retain(last=last)
        expired = self.model.expired(last)
        assert process.repos.apply_retention() == len(expired)
        process.repo.retain()
        self.model.give_up(expired)

    @rule(writer=WRITERS)
    def sweep(self, writer: int) -> None:
        process = self.writers[writer]
        process.storage.sweep([process.repos.roots])
        unremembered = Process(Catalog.open(self.url), self.objects)
        for id, files in self.model.files.items():
            if files is None:
                with pytest.raises(CommitPurged):
                    unremembered.repo.at(id)
            else:
                assert self.read(unremembered.repo, id) == files
        unremembered.close()

    @rule(writer=WRITERS)
    def reopen(self, writer: int) -> None:
        self.writers[writer].close()
        self.writers[writer] = Process(Catalog.open(self.url), self.objects)

    # --- looking ---

    @rule(data=st.data(), writer=WRITERS)
    def compare(self, data: st.DataObject, writer: int) -> None:
        old, new = (data.draw(st.sampled_from(self.model.living())) for _ in range(2))
        before, after = self.model.files[old] or {}, self.model.files[new] or {}
        rows = {row.path[1:]: row.change for row in self.writers[writer].repo.diff(old, new)}
        assert rows == {
            path: "added" if path not in before else "removed" if path not in after else "changed"
            for path in {*before, *after}
            if before.get(path) != after.get(path)
        }
        assert list(rows) == sorted(rows, key=str.encode)

    @rule(data=st.data(), writer=WRITERS)
    def look_back(self, data: st.DataObject, writer: int) -> None:
        commit = self.any_commit(data)
        line = self.writers[writer].repo.log(commit, limit=100).items
        assert [info.id for info in line] == self.model.line(commit)
        assert [info.state == "purged" for info in line] == [
            self.model.files[info.id] is None for info in line
        ]

    @invariant()
    def every_head_holds_what_was_put(self) -> None:
        for writer in self.writers:
            repo = writer.repo
            assert {info.name: info.commit for info in repo.branches()} == self.model.heads
            for branch, head in self.model.heads.items():
                if head is not None:
                    files = self.model.head_files(branch)
                    view = repo.at(branch)
                    assert self.read(repo, branch) == files
                    assert (view.files, view.size) == (len(files), sum(map(len, files.values())))

    def read(self, repo: Repo, what: str) -> Files:
        view = repo.at(what)
        return {file.path[1:]: view.read(file.path) for file in view.walk()}


TestRepo = RepoMachine.TestCase
TestRepo.settings = settings(max_examples=400 if LARGE else 25, stateful_step_count=25, deadline=None)


def test_on_a_server_a_repo_behaves_so_too(postgres_server: PostgresServer, postgres_template: str) -> None:
    names: list[str] = []

    def place(folder: Path) -> str:
        names.append(postgres_server.database(postgres_template))
        return postgres_server.url(names[-1])

    try:
        run_state_machine_as_test(
            lambda: RepoMachine(place),  # type: ignore[arg-type]  # whatever makes a machine will do
            settings=settings(max_examples=60 if LARGE else 5, stateful_step_count=20, deadline=None),
        )
    finally:
        for name in names:
            postgres_server.drop(name)
