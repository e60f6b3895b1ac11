"""Several repos at once: transactions, and open commits that are one set."""

from collections.abc import Mapping, Sequence

from headwater.repos import lookup
from headwater.repos.committing.builder import Wish
from headwater.repos.committing.drafts import OpenCommit, drop_all, finish_all, start_all
from headwater.repos.committing.transaction import Transaction
from headwater.repos.errors import InvalidRef
from headwater.repos.names import check_writable
from headwater.repos.parts import Parts
from headwater.repos.refs import parse_ref
from headwater.repos.rows import store
from headwater.repos.values import Commit


class Together:
    """What `Repos` does with several of them."""

    _parts: Parts

    def transaction(
        self, *, message: str = "", metadata: Mapping[str, str] | None = None, author: str = ""
    ) -> Transaction:
        """Begins commits to several repos that become visible together, as one set, at the end of a `with` block.

        Args:
            message: What they are about.
            metadata: Texts to keep with each of them.
            author: Who makes them.
        """
        wish = Wish("main", message=message, author=author, metadata=dict(metadata or {}))
        return Transaction(self._parts, self._place, wish)

    def start(
        self,
        refs: Sequence[str],
        *,
        message: str = "",
        metadata: Mapping[str, str] | None = None,
        author: str = "",
    ) -> list[OpenCommit]:
        """Begins one set of commits that stay open over many calls, each `NAME@BRANCH` or `NAME`.

        Raises:
            InvalidMetadata: The metadata is not text under text.
            InvalidRef: A branch is named twice, or a text names a path.
            ProtectedRepo: Only Headwater itself writes one of the repos.
            RefNotFound: There is no such branch.
            RepoNotFound: There is no such repo.
        """
        parsed = [parse_ref(ref) for ref in refs]
        for ref, one in zip(refs, parsed, strict=True):
            if one.path is not None or parsed.count(one) > 1:
                raise InvalidRef(ref, problem="each branch is named once, and without a path")
        places = [(self._place(one.repo, one.what), one.what) for one in parsed]
        return start_all(self._parts, places, message=message, metadata=metadata, author=author)

    def finish(self, id: str) -> list[Commit]:
        """Finishes open commits, all of their set at once.

        Args:
            id: A set's id, or that of one of its commits, or the beginning of one.

        Raises:
            AmbiguousRef: Open commits of several sets begin so.
            CommitEnded: It is not open any more.
            CommitNotFound: Nothing has this id.
            PathCollision: A path would be a file and a folder at once; all stay open.
        """
        with self._parts.catalog.read() as conn:
            found = lookup.open_set(conn, id)
        return finish_all(self._parts, found, asked=id, expect={})

    def drop(self, id: str) -> list[Commit]:
        """Drops open commits, all of their set at once; returns what they were. Errors as for `finish`."""
        with self._parts.catalog.read() as conn:
            found = lookup.open_set(conn, id)
        return drop_all(self._parts, found, asked=id)

    def _place(self, name: str, branch: str) -> store.RepoRow:
        check_writable(name, system=False)
        with self._parts.catalog.read() as conn:
            row = lookup.repo_by_name(conn, name)
            lookup.branch_by_name(conn, row, branch)
            self._parts.bonds.check_free(conn, name, branch)
        return row
