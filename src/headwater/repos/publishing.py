"""The transaction that makes commits visible, and those that a job will finish later.

Everything that must happen together does so on the caller's connection: the
segments become live, the commits, their set and their provenance are written,
the heads move from where the trees were built, the log of moves says so, and
the hooks hear of it. The locks are taken first, in one order, and what is
decided by is read after that.

Builds no trees and waits for nobody; who lost a race builds again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection

from headwater.api.documents import Provenance
from headwater.clock import Clock
from headwater.ids import CommitId, SetId, random_id
from headwater.repos.errors import BranchMoved, CommitChanged, CommitEnded, InvalidMetadata
from headwater.repos.lookup import check_readable, commit_by_id, repo_and_branch
from headwater.repos.names import check_branch
from headwater.repos.record import record_of
from headwater.repos.rows import commit_store, draft_store, store
from headwater.repos.values import Begun, Commit, PendingCommit, Roots, Trees
from headwater.storage import CommitRecord, Pointer, Storage, Writer

Heard = Callable[[Connection, Sequence[Commit]], None]
Place = tuple[str, str]
Reads = Callable[[Connection, Collection[Place]], Collection[Place]]


class Publisher:
    """Writes commits into the catalog, inside transactions that its callers own."""

    def __init__(self, storage: Storage, clock: Clock, heard: Heard, reads: Reads) -> None:
        """Keeps the clock of what people read, who hears of finished commits, and which heads those read."""
        self._storage, self._clock, self._heard, self._reads = storage, clock, heard, reads

    def new_set(self, conn: Connection) -> SetId:
        """Begins a commit set."""
        set_id = SetId(random_id())
        commit_store.add_set(conn, set_id, self._clock.now_ms())
        return set_id

    def publish(
        self,
        conn: Connection,
        pending: Sequence[PendingCommit],
        *,
        set_id: SetId | None = None,
        tells: bool = True,
    ) -> list[Commit]:
        """Makes commits of one set visible, all or none; begins the set where none is given.

        Args:
            conn: A write transaction.
            pending: The commits, each of another branch.
            set_id: The set they belong to; a new one where absent.
            tells: Whether hooks hear of them; not for commits that hold what was there before.

        Raises:
            BranchMoved: A branch is not at the commit that the trees were built on.
            CommitChanged: An open commit is not as it was when its trees were built.
            CommitEnded: An open commit has ended.
            CommitPurged: A commit whose trees were taken over has no files any more.
            InvalidMetadata: The metadata of a commit is not text under text.
            RepoNotFound: There is no such repo.
        """
        now_ms = self._clock.now_ms()
        held, is_heard = self._hold(conn, dict.fromkeys((one.repo, one.branch) for one in pending), now_ms)
        places = [held[one.repo, one.branch] for one in pending]
        for one, (_, branch) in zip(pending, places, strict=True):
            _check_head(one.repo, branch, expected=one.replaces or one.parent, found=branch.head)
            check_shared(conn, one.shares)
        begun = [None if one.finishes is None else _take(conn, *one.finishes) for one in pending]
        of_begun = next((one.set_id for one in begun if one is not None), None)
        whole = set_id or of_begun or self.new_set(conn)
        commits = [_commit(one, open_, whole, now_ms) for one, open_ in zip(pending, begun, strict=True)]
        records = [record_of(commit, repo.kind) for commit, (repo, _) in zip(commits, places, strict=True)]
        recorded = self._store(conn, [one.writer for one in pending], records)
        commits = [
            msgspec.structs.replace(commit, record=place)
            for commit, place in zip(commits, recorded, strict=True)
        ]
        for commit, open_, (repo, branch) in zip(commits, begun, places, strict=True):
            if open_ is None:
                commit_store.add_commit(conn, repo.id, commit)
            else:
                commit_store.end_commit(conn, commit, was="open")
            self._advance(conn, branch, commit, old=branch.head, reason="commit" if tells else "squash")
        if is_heard and tells:
            self._heard(conn, commits)
        return commits

    def move(
        self, conn: Connection, branch: store.BranchRow, commit: Commit, *, author: str, reason: str
    ) -> SetId:
        """Makes a branch that the transaction has locked name a commit that is there.

        Hooks hear of it as of a commit to that branch, in a set of its own, which is returned.
        """
        now_ms = self._clock.now_ms()
        set_id = self.new_set(conn)
        store.advance_branch(conn, branch, new=commit.id, now_ms=now_ms)
        store.log_move(
            conn,
            store.Move(branch.repo_id, "branch", branch.name, branch.head, commit.id, now_ms, author, reason),
        )
        self._heard(conn, [msgspec.structs.replace(commit, branch=branch.name, set_id=set_id)])
        return set_id

    def follow(self, conn: Connection, repo: str, name: str, commit_id: CommitId, *, reason: str) -> None:
        """Makes a branch name a commit that is there, within the set of that commit: nobody hears of it."""
        now_ms = self._clock.now_ms()
        _, branch = self._place(conn, repo, name, now_ms)
        head = store.lock_branches(conn, [branch.id])[branch.id]
        if head == commit_id:
            return
        store.advance_branch(conn, branch, new=commit_id, now_ms=now_ms)
        store.log_move(conn, store.Move(branch.repo_id, "branch", name, head, commit_id, now_ms, "", reason))

    def begin(self, conn: Connection, begun: Sequence[Begun]) -> list[Commit]:
        """Begins commits of one set that stay open until they are finished or dropped.

        Raises:
            InvalidMetadata: The metadata of a commit is not text under text.
        """
        now_ms = self._clock.now_ms()
        set_id = self.new_set(conn)
        commits = [_open(one, set_id, now_ms) for one in begun]
        for one, commit in zip(begun, commits, strict=True):
            commit_store.add_commit(conn, one.repo_id, commit)
            draft_store.add(conn, commit.id, now_ms)
        return commits

    def reserve(
        self,
        conn: Connection,
        repo: str,
        branch: str,
        *,
        set_id: SetId,
        provenance: Sequence[Provenance] = (),
        message: str = "",
    ) -> CommitId:
        """Begins a commit that waits for its job; no head moves before it is finished.

        Raises:
            RepoNotFound: There is no such repo.
        """
        now_ms = self._clock.now_ms()
        row, _ = self._place(conn, repo, branch, now_ms)
        commit = Commit(
            id=CommitId(random_id()),
            set_id=set_id,
            repo=repo,
            branch=branch,
            parent=None,
            state="waiting",
            message=message,
            author="",
            metadata={},
            created_ms=now_ms,
            finished_ms=None,
            files=0,
            size=0,
            roots=Roots(),
            provenance=tuple(provenance),
        )
        commit_store.add_commit(conn, row.id, commit)
        return commit.id

    def complete(
        self,
        conn: Connection,
        commit_id: CommitId,
        *,
        state: Literal["finished", "failed", "covered"],
        trees: Trees | None = None,
        writer: Writer | None = None,
        expect: CommitId | None = None,
        provenance: Sequence[Provenance] = (),
        message: str = "",
    ) -> Commit:
        """Ends a commit that waits; a finished one becomes its branch's head.

        Args:
            commit_id: What `reserve` gave.
            state: How it ended. The output of a failed one is kept, but not shown.
            trees: What it holds; nothing where absent.
            writer: What the trees were built with, sealed; none when nothing was written anew.
            expect: The head that the trees were built on, which the branch must still have.
            provenance: Added to what it was begun with.
            message: In place of the one it was begun with, where given.

        Raises:
            BranchMoved: The branch is not at `expect`.
            CommitEnded: It does not wait any more.
            CommitNotFound: There is no such commit.
        """
        now_ms = self._clock.now_ms()
        begun = commit_by_id(conn, commit_id)
        if begun.state != "waiting":
            raise CommitEnded(commit_id, state=begun.state)
        repo, branch = self._place(conn, begun.repo, begun.branch, now_ms)
        heads = store.lock_branches(conn, [branch.id])
        if state == "finished":
            _check_head(begun.repo, branch, expected=expect, found=heads[branch.id])
        ended = msgspec.structs.replace(
            begun,
            parent=expect,
            state=state,
            message=message or begun.message,
            finished_ms=now_ms,
            files=0 if trees is None else trees.output.files,
            size=0 if trees is None else trees.output.size,
            roots=Roots() if trees is None else trees.roots(),
            provenance=tuple(dict.fromkeys([*begun.provenance, *provenance])),
        )
        [recorded] = self._store(conn, [writer], [record_of(ended, repo.kind)])
        ended = msgspec.structs.replace(ended, record=recorded)
        if not commit_store.end_commit(conn, ended):
            raise CommitEnded(commit_id, state="ended")
        if state == "finished":
            self._advance(conn, branch, ended, old=expect, reason="job")
            self._heard(conn, [ended])
        return ended

    def hold(self, conn: Connection, places: Collection[Place]) -> None:
        """Locks branches, in the order of their ids; with one writer at a time nothing can move anyway."""
        if conn.dialect.name != "sqlite":
            store.lock_named(conn, places)

    def _hold(
        self, conn: Connection, places: Collection[Place], now_ms: int
    ) -> tuple[dict[Place, tuple[store.RepoRow, store.BranchRow]], bool]:
        """Locks the branches, and those whose heads will be read because of them, all in the order of their ids.

        Returns:
            The branches as they stay until the transaction ends, and whether anybody must hear of commits to them.
        """
        is_alone = (
            conn.dialect.name == "sqlite"
        )  # nobody else writes: nothing can move, and nobody need be asked
        also = () if is_alone else self._reads(conn, places)
        held = store.lock_named(conn, dict.fromkeys([*places, *also]))
        for repo, name in places:
            if (repo, name) not in held:
                row, branch = self._place(conn, repo, name, now_ms)
                head = store.lock_branches(conn, [branch.id])[branch.id]
                held[repo, name] = row, msgspec.structs.replace(branch, head=head)
        return held, is_alone or bool(also)

    def _place(
        self, conn: Connection, repo: str, name: str, now_ms: int
    ) -> tuple[store.RepoRow, store.BranchRow]:
        row, found = repo_and_branch(conn, repo, name)
        if found is None:
            check_branch(name, repo=repo)
            found = store.ensure_branch(conn, row.id, name, now_ms)
        return row, found

    def _store(
        self, conn: Connection, writers: Sequence[Writer | None], records: Sequence[CommitRecord]
    ) -> list[Pointer]:
        """Publishes the segments of each writer with the records of its commits; returns where those lie."""
        of_writer: dict[int, list[int]] = {}
        for number, writer in enumerate(writers):
            of_writer.setdefault(id(writer), []).append(number)
        places: dict[int, Pointer] = {}
        for numbers in of_writer.values():
            writer, own = writers[numbers[0]], [records[number] for number in numbers]
            found = self._storage.publish_records(conn, own) if writer is None else writer.publish(conn, own)
            places.update(zip(numbers, found, strict=True))
        return [places[number] for number in range(len(records))]

    def _advance(
        self, conn: Connection, branch: store.BranchRow, commit: Commit, *, old: CommitId | None, reason: str
    ) -> None:
        assert commit.finished_ms is not None, "only finished commits become heads"
        at_ms = commit.finished_ms
        store.advance_branch(conn, branch, new=commit.id, now_ms=at_ms)
        store.log_move(
            conn,
            store.Move(
                repo_id=branch.repo_id,
                kind="branch",
                name=branch.name,
                old=old,
                new=commit.id,
                at_ms=at_ms,
                author=commit.author,
                reason=reason,
            ),
        )


def _check_head(
    repo: str, branch: store.BranchRow, *, expected: CommitId | None, found: CommitId | None
) -> None:
    if expected != found:
        raise BranchMoved(f"{repo}@{branch.name}", expected=expected, found=found)


def _take(conn: Connection, commit_id: CommitId, version: int) -> Commit:
    """Takes an open commit out of its draft, which must be as it was when its trees were built."""
    begun = commit_by_id(conn, commit_id)
    if begun.state != "open":
        raise CommitEnded(commit_id, state=begun.state)
    if not draft_store.take(conn, commit_id, version=version):
        raise CommitChanged(commit_id)
    return begun


def check_shared(conn: Connection, shares: Sequence[CommitId]) -> None:
    """Makes sure that commits whose trees were taken over still have their files.

    Raises:
        CommitPurged: One has none any more.
        CommitUnfinished: One never had any.
    """
    for commit_id in shares:
        check_readable(commit_by_id(conn, commit_id))


def _checked(metadata: Mapping[Any, Any]) -> dict[str, str]:
    for key, value in metadata.items():
        if not (isinstance(key, str) and isinstance(value, str)):
            raise InvalidMetadata(key, value)
    return dict(metadata)


def _commit(pending: PendingCommit, begun: Commit | None, set_id: SetId, now_ms: int) -> Commit:
    return Commit(
        id=CommitId(random_id()) if begun is None else begun.id,
        set_id=set_id,
        repo=pending.repo,
        branch=pending.branch,
        parent=pending.parent,
        state="finished",
        message=pending.message,
        author=pending.author,
        metadata=_checked(pending.metadata),
        created_ms=now_ms if begun is None else begun.created_ms,
        finished_ms=now_ms,
        files=pending.trees.output.files,
        size=pending.trees.output.size,
        roots=pending.trees.roots(),
        provenance=pending.provenance,
    )


def _open(begun: Begun, set_id: SetId, now_ms: int) -> Commit:
    return Commit(
        id=CommitId(random_id()),
        set_id=set_id,
        repo=begun.repo,
        branch=begun.branch,
        parent=None,
        state="open",
        message=begun.message,
        author=begun.author,
        metadata=_checked(begun.metadata),
        created_ms=now_ms,
        finished_ms=None,
        files=0,
        size=0,
        roots=Roots(),
        provenance=(),
    )
