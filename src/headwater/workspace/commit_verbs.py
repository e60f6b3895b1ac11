"""What a workspace does with commits that stay open, with several repos at once, and with files inside repos."""

from collections.abc import Iterator, Mapping, Sequence

from headwater.api.documents import CommitInfo, DiffRow, FileInfo, Listing, MatchInfo, TextDiff
from headwater.errors import InvalidInput
from headwater.repos import Ref, Transaction, View, parse_ref
from headwater.workspace.parts import Parts


class CommitVerbs:
    """Commits and the files in them; each verb is one call into the floor that does it."""

    _parts: Parts

    # --- open commits, and several repos at once ---

    def transaction(self, *, message: str = "", metadata: Mapping[str, str] | None = None) -> Transaction:
        """Begins commits to several repos that become visible together, as one set, at the end of a `with` block."""
        return self._parts.repos.transaction(message=message, metadata=metadata)

    def start_commits(
        self, refs: Sequence[str], *, message: str = "", metadata: Mapping[str, str] | None = None
    ) -> list[CommitInfo]:
        """Begins commits that stay open over many calls, one on each `REPO@BRANCH`, all of one set."""
        begun = self._parts.repos.start(refs, message=message, metadata=metadata)
        return [one.info() for one in begun]

    def finish_commits(self, id: str) -> list[CommitInfo]:
        """Finishes open commits, all of their set at once; `id` is the set's or that of one of them."""
        return [commit.info() for commit in self._parts.repos.finish(_id_in(id))]

    def drop_commits(self, id: str) -> list[CommitInfo]:
        """Drops open commits, all of their set at once; returns what they were."""
        return [commit.info() for commit in self._parts.repos.drop(_id_in(id))]

    def commits(
        self, ref: str, *, is_open: bool = False, limit: int = 50, cursor: str | None = None
    ) -> Listing[CommitInfo]:
        """Returns a page of the commits of a branch, newest first; with `is_open`, those of the repo that are open."""
        parsed = parse_ref(ref)
        repo = self._parts.repos.get(parsed.repo)
        return Listing(repo.open_commits()) if is_open else repo.log(parsed.what, limit=limit, after=cursor)

    def show_commit(self, ref: str) -> CommitInfo:
        """Returns a commit by its ref, or by its whole id alone."""
        parsed = parse_ref(ref)
        repos = self._parts.repos
        if "@" not in ref and not repos.exists(parsed.repo):
            return repos.commit_by_id(parsed.repo).info()
        return repos.get(parsed.repo).resolve(parsed.what).info()

    # --- files inside repos ---

    def rm(
        self, targets: Sequence[str], *, message: str = "", metadata: Mapping[str, str] | None = None
    ) -> CommitInfo:
        """Deletes files and folders of one branch or open commit: `REPO@BRANCH:/PATH`, then further paths."""
        if not targets:
            raise InvalidInput("Nothing was named to delete.", hint="Name it: REPO@BRANCH:/PATH.")
        first, *others = _same_place(targets)
        with self._parts.repos.get(first.repo).changes(
            first.what, message=message, metadata=metadata
        ) as changes:
            for one in (first, *others):
                changes.delete(_path_of(one))
        return changes.commit.info()

    def cp(
        self, source: str, to: str, *, message: str = "", metadata: Mapping[str, str] | None = None
    ) -> CommitInfo:
        """Copies a file or folder of any commit to a branch or open commit, without copying bytes."""
        origin, target = _source_and_target(source, to)
        repos = self._parts.repos
        is_inside = (origin.repo, origin.what) == (target.repo, target.what)
        of = None if is_inside else repos.get(origin.repo).at(origin.what)
        with repos.get(target.repo).changes(target.what, message=message, metadata=metadata) as changes:
            changes.copy(_path_of(origin), target.path or "/", of=of)
        return changes.commit.info()

    def mv(
        self, source: str, to: str, *, message: str = "", metadata: Mapping[str, str] | None = None
    ) -> list[CommitInfo]:
        """Moves a file or folder inside a branch or open commit, or from one branch to another in one set."""
        origin, target = _source_and_target(source, to)
        repos = self._parts.repos
        if (origin.repo, origin.what) == (target.repo, target.what):
            with repos.get(origin.repo).changes(origin.what, message=message, metadata=metadata) as changes:
                changes.move(_path_of(origin), target.path or "/")
            return [changes.commit.info()]
        view = repos.get(origin.repo).at(origin.what)
        with repos.transaction(message=message, metadata=metadata) as transaction:
            left = transaction.repo(f"{origin.repo}@{origin.what}", expect=view.commit.id)
            left.delete(_path_of(origin))
            to_branch = transaction.repo(f"{target.repo}@{target.what}")
            to_branch.copy(_path_of(origin), target.path or "/", of=view)
        return [commit.info() for commit in transaction.commits]

    def ls(
        self, ref: str, *, is_recursive: bool = False, glob: str | None = None
    ) -> Iterator[FileInfo] | Iterator[MatchInfo]:
        """Yields what stands in a folder of a commit, every file below it, or what matches a glob."""
        view, path = self._view_of(ref)
        if glob is None:
            return view.walk(path or "/") if is_recursive else view.list(path or "/")
        if is_recursive or path not in (None, "/"):
            raise InvalidInput(
                f"A glob goes from the top folder of a commit through all below, so {ref!r} is not listed with it.",
                hint="Write the folder into the pattern; ** goes through all folders.",
            )
        return (
            MatchInfo(one.file.path, one.file.size, one.file.hash, one.file.kind, list(one.captures))
            for one in view.captures(glob)
        )

    def cat(self, ref: str, start: int | None = None, stop: int | None = None) -> Iterator[bytes]:
        """Yields the bytes of a file of a commit, from `start` up to `stop` as Python's slices count."""
        view, path = self._view_of(ref)
        if path is None:
            raise InvalidInput(f"{ref!r} names no file.", hint="Write REPO@WHAT:/PATH.")
        return view.stream(path, start, stop)

    # --- looking back ---

    def diff(
        self, old: str, new: str, *, path: str = "/", as_text: bool = False
    ) -> Iterator[DiffRow] | Iterator[TextDiff]:
        """Yields what differs between two commits, of one repo or of two; as text, the lines of each file."""
        before, after = self._two_views(old, new)
        return before.text_diff(after, path) if as_text else before.diff(after, path)

    def impact(self, ref: str, *, limit: int = 100, cursor: str | None = None) -> Listing[CommitInfo]:
        """Returns a page of the commits that were made of a commit, newest first."""
        if limit < 1:
            raise InvalidInput(f"A page of {limit} commits holds nothing.", hint="Ask for at least 1.")
        target = self.show_commit(ref).id
        found = self._parts.repos.impact_of(target, limit=limit + 1, before=cursor)
        following = found[limit - 1].id if len(found) > limit else None
        return Listing([commit.info() for commit in found[:limit]], following)

    def _view_of(self, ref: str) -> tuple[View, str | None]:
        parsed = parse_ref(ref)
        return self._parts.repos.get(parsed.repo).at(parsed.what), parsed.path

    def _two_views(self, old: str, new: str) -> tuple[View, View]:
        views = []
        for ref in (old, new):
            view, path = self._view_of(ref)
            if path is not None:
                raise InvalidInput(
                    f"{ref!r} names a path.", hint="Compare commits, and name the path with --path."
                )
            views.append(view)
        return views[0], views[1]


def _id_in(text: str) -> str:
    """Returns the id in `REPO@ID` or `ID`."""
    return text.rpartition("@")[2]


def _path_of(ref: Ref) -> str:
    if ref.path is None:
        raise InvalidInput(f"'{ref}' names no file or folder.", hint="Write REPO@WHAT:/PATH.")
    return ref.path


def _same_place(targets: Sequence[str]) -> list[Ref]:
    """Reads refs with paths of which all but the first may be paths alone."""
    first = parse_ref(targets[0])
    found = [first]
    for text in targets[1:]:
        one = Ref(first.repo, first.what, text) if text.startswith("/") else parse_ref(text)
        if (one.repo, one.what) != (first.repo, first.what):
            raise InvalidInput(
                f"{text!r} is not in {first.repo}@{first.what}.",
                hint="Name files of one branch, or use an open commit set for several repos.",
            )
        found.append(one)
    return found


def _source_and_target(source: str, to: str) -> tuple[Ref, Ref]:
    """Reads both ends of a copy; a target that is a path alone is in the place of the source."""
    origin = parse_ref(source)
    _path_of(origin)
    return origin, Ref(origin.repo, origin.what, to) if to.startswith("/") else parse_ref(to)
