"""Turns what clients ask into commits: each is answered after its commit, and many may share one.

Whoever finds a branch idle commits at once. Who comes while a commit is under
way waits, and the next commit takes all who wait. So one client alone waits
for one fsync, and several at once share one; nobody waits for a timer.

What one client asks of a key (`If-None-Match`, `If-Match`) is looked at in
the very state that the commit is built on. A request that fails there, or
whose key is a folder for another, fails alone.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from headwater.db import Catalog
from headwater.errors import Error, NotFound
from headwater.gateway.errors import S3Refusal
from headwater.ids import CommitId
from headwater.repos import BranchMoved, PendingCommit, Repos, Trees
from headwater.storage import Edit, PathCollision, Storage, Tree, Writer

_MOST_TOGETHER = 256
Check = Callable[[Tree], None]
InTransaction = Callable[[Connection], None]


def _anything(tree: Tree) -> None:
    del tree


@dataclass
class Wish:
    """What one request wants of a branch.

    Args:
        message: What the commit says where it is its only wish.
        keys: The keys that it touches.
        edits: Gives its edits, with the writer of the commit; may be asked again with another one.
        check: Raises where the branch's files do not allow it.
        writer: One that holds its contents already; it then gets a commit of its own.
        shares: Commits whose contents it points to.
        within: Done in the commit's transaction.
    """

    message: str
    keys: tuple[str, ...]
    edits: Callable[[Writer], Iterable[Edit]]
    check: Check = _anything
    writer: Writer | None = None
    shares: tuple[CommitId, ...] = ()
    within: InTransaction | None = None
    commit: CommitId | None = None
    error: BaseException | None = None
    is_done: bool = False

    @property
    def is_alone(self) -> bool:
        """Whether it needs a commit of its own."""
        return self.writer is not None or self.within is not None


@dataclass
class _Line:
    """Those who wait for one branch."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: "deque[Wish]" = field(default_factory=deque)


class Landing:
    """Commits wishes to branches; safe to use from many threads."""

    def __init__(self, catalog: Catalog, storage: Storage, repos: Repos) -> None:
        """Keeps the floors below."""
        self._catalog, self._storage, self._repos = catalog, storage, repos
        self._lines: dict[tuple[str, str, str], _Line] = {}
        self._lock = threading.Lock()

    def land(self, repo: str, branch: str, author: str, wish: Wish) -> CommitId | None:
        """Returns the commit that holds the wish; that which was there where it changed nothing.

        Raises:
            Error: The wish cannot be fulfilled; nothing of it is visible.
        """
        key = (repo, branch, author)
        with self._lock:
            line = self._lines.setdefault(key, _Line())
            line.waiting.append(wish)
        with line.lock:
            while not wish.is_done:
                self._land_some(key, _next(line.waiting))
        with self._lock:
            if not line.waiting and not line.lock.locked():
                self._lines.pop(key, None)
        if wish.error is not None:
            raise wish.error
        return wish.commit

    def _land_some(self, key: tuple[str, str, str], wishes: list[Wish]) -> None:
        try:
            self._commit(key, wishes)
        except PathCollision as error:
            if len(wishes) == 1:
                wishes[0].error = S3Refusal("InvalidArgument", f"{error.message} {error.hint}")
            else:
                for wish in wishes:
                    if wish.error is None:
                        self._land_some(key, [wish])
        except BaseException as error:  # noqa: BLE001 - each who waits gets it
            for wish in wishes:
                wish.error = wish.error or error
        finally:
            for wish in wishes:
                wish.is_done = True

    def _commit(self, key: tuple[str, str, str], wishes: list[Wish]) -> None:
        writer = wishes[0].writer or self._storage.writer()
        try:
            edits = [(wish, list(wish.edits(writer))) for wish in wishes]
            try:
                commit = self._attempt(key, writer, edits)
            except BranchMoved:
                writer.rewind()
                with self._catalog.writer_turn():
                    commit = self._attempt(key, writer, edits)
        except BaseException:
            writer.abort()
            raise
        for wish in wishes:
            wish.commit = commit

    def _attempt(
        self, key: tuple[str, str, str], writer: Writer, edits: list[tuple[Wish, list[Edit]]]
    ) -> CommitId | None:
        repo, branch, author = key
        head, base = self._head(repo, branch)
        good = [(wish, own) for wish, own in edits if _is_allowed(wish, base)]
        tree = writer.edit(base, [edit for _, own in good for edit in own])
        inside = [wish.within for wish, _ in good if wish.within is not None]
        if tree.root_hash == base.root_hash:
            if inside:
                with self._catalog.write() as conn:
                    for do in inside:
                        do(conn)
            writer.abort()
            return head
        writer.seal()
        messages = [wish.message for wish, _ in good]
        pending = PendingCommit(
            repo=repo,
            branch=branch,
            trees=Trees(tree),
            parent=head,
            writer=writer,
            message=messages[0] if len(messages) == 1 else f"{len(messages)} requests, first {messages[0]}",
            author=author,
            shares=tuple({commit for wish, _ in good for commit in wish.shares}),
        )
        with self._catalog.write() as conn:
            self._repos.check_free(conn, repo, branch)
            commit = self._repos.publish(conn, pending)
            for do in inside:
                do(conn)
        return commit.id

    def _head(self, repo: str, branch: str) -> tuple[CommitId | None, Tree]:
        try:
            return self._repos.branch_files(repo, branch)
        except NotFound as error:
            raise S3Refusal("NoSuchBucket", f"{error.message} {error.hint}") from None


def _is_allowed(wish: Wish, base: Tree) -> bool:
    try:
        wish.check(base)
    except Error as error:
        wish.error = error
        return False
    wish.error = None
    return True


def _next(waiting: "deque[Wish]") -> list[Wish]:
    """Takes those who may share the next commit: no key twice, so that each sees its key as it is."""
    taken = [waiting.popleft()]
    seen = set(taken[0].keys)
    while waiting and len(taken) < _MOST_TOGETHER and not taken[0].is_alone:
        if waiting[0].is_alone or not seen.isdisjoint(waiting[0].keys):
            break
        taken.append(waiting.popleft())
        seen.update(taken[-1].keys)
    return taken
