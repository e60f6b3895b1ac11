"""Buckets: `branch.repo`, `tag.repo`, `commit.repo`, and what a token may do with each.

    main.reviews           the branch main of reviews; read and write
    prod.models.iris       the branch prod of models/iris; read only, Headwater itself writes it
    v1.2.reviews           the tag v1.2
    0f3a9c12.reviews       a commit, by its id or a beginning of at least 8 digits

A repo's name has no dot, so a name is read from its end: the last part is the
repo, together with the part before it where that is a reserved prefix and a
branch, tag or commit is left in front.
"""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

import msgspec

from headwater.access import Claims, repo_scope
from headwater.errors import InvalidInput, NotFound
from headwater.gateway.errors import S3Refusal
from headwater.repos import Commit, Repos, is_protected

_REMEMBERED, _REMEMBERED_S = 256, 2.0
_PREFIXES = frozenset({"models", "predictions", "monitors"})


class BucketName(msgspec.Struct, frozen=True):
    """A bucket's name in its parts."""

    repo: str
    what: str

    def __str__(self) -> str:
        """Writes it as clients do."""
        return bucket_name(self.repo, self.what)


class Bucket(msgspec.Struct, frozen=True):
    """A bucket that there is; `branch` is none where nothing can be written, `commit` where nothing was yet."""

    name: BucketName
    branch: str | None
    commit: Commit | None

    @property
    def repo(self) -> str:
        """The repo's name."""
        return self.name.repo


def bucket_name(repo: str, what: str) -> str:
    """Returns the name of the bucket of a branch, tag or commit."""
    return f"{what}.{repo.replace('/', '.')}"


def parse_bucket(text: str) -> BucketName:
    """Takes a bucket's name apart.

    Raises:
        S3Refusal: It is none.
    """
    parts = text.split(".")
    if len(parts) < 2 or not all(parts):
        raise S3Refusal(
            "InvalidBucketName", f"{text!r} is no bucket: write BRANCH.REPO, such as main.reviews."
        )
    is_long = len(parts) > 2 and parts[-2] in _PREFIXES
    repo = "/".join(parts[-2:]) if is_long else parts[-1]
    return BucketName(repo, ".".join(parts[: -2 if is_long else -1]))


class Buckets:
    """Finds buckets, as far as a token may see them."""

    def __init__(self, repos: Repos, now_s: Callable[[], float]) -> None:
        """Keeps where repos are looked up."""
        self._repos, self._now_s = repos, now_s
        self._commits: OrderedDict[str, tuple[float, Commit]] = OrderedDict()
        self._lock = Lock()

    def for_reading(self, text: str, claims: Claims) -> Bucket:
        """Returns a bucket to read from.

        Raises:
            S3Refusal: There is none, or the token may not read it.
        """
        name = parse_bucket(text)
        if not claims.allows(repo_scope(name.repo, "read")):
            raise _denied(name.repo, "read")
        return self._find(name)

    def for_writing(self, text: str, claims: Claims) -> Bucket:
        """Returns a bucket to write to; it has a branch.

        Raises:
            S3Refusal: There is none, it cannot be written, or the token may not.
        """
        name = parse_bucket(text)
        if not claims.allows(repo_scope(name.repo, "write")):
            raise _denied(name.repo, "write")
        bucket = self._find(name)
        if is_protected(name.repo):
            raise S3Refusal(
                "MethodNotAllowed",
                f"The repo {name.repo!r} is written by Headwater itself, so this bucket is read only.",
            )
        if bucket.branch is None:
            raise S3Refusal(
                "MethodNotAllowed",
                f"{name.what!r} is no branch of {name.repo!r}, and tags and commits never change; "
                "write to the bucket of a branch.",
            )
        return bucket

    def create(self, text: str, claims: Claims) -> None:
        """Makes an empty branch, and its repo where there is none.

        Raises:
            S3Refusal: It exists, cannot have this name, or the token may not.
        """
        name = parse_bucket(text)
        if not claims.allows(repo_scope(name.repo, "write")):
            raise _denied(name.repo, "write")
        exists = self._repos.exists(name.repo)
        if exists and any(one.name == name.what for one in self._repos.get(name.repo).branches()):
            raise S3Refusal("BucketAlreadyOwnedByYou", f"The bucket {text} exists already.")
        try:
            repo = self._repos.get(name.repo) if exists else self._repos.create(name.repo)
            if exists or name.what != "main":
                repo.create_branch(name.what, author=claims.id)
        except InvalidInput as error:
            raise S3Refusal("InvalidBucketName", f"{error.message} {error.hint}") from None

    def listed(self, claims: Claims) -> list[tuple[str, str]]:
        """Returns the buckets of all branches that the token may read, with when their repo was made."""
        found = []
        for repo in self._repos.list():
            if claims.allows(repo_scope(repo.name, "read")):
                found += [(bucket_name(repo.name, branch), repo.created) for branch in repo.branches]
        return sorted(found)

    def _find(self, name: BucketName) -> Bucket:
        try:
            found = self._repos.named(name.repo, name.what)
        except (NotFound, InvalidInput) as error:
            raise S3Refusal("NoSuchBucket", f"{error.message} {error.hint}") from None
        commit = None if found.commit is None else self._commit(found.commit)
        return Bucket(name, name.what if found.kind == "branch" else None, commit)

    def _commit(self, commit_id: str) -> Commit:
        """Returns a commit, which does not change unless it is purged, so it is remembered for a moment."""
        now_s = self._now_s()
        with self._lock:
            read_s, commit = self._commits.get(commit_id, (-_REMEMBERED_S, None))
        if commit is None or now_s - read_s > _REMEMBERED_S:
            commit = self._repos.commit_by_id(commit_id)
            with self._lock:
                self._commits[commit_id] = (now_s, commit)
                while len(self._commits) > _REMEMBERED:
                    self._commits.popitem(last=False)
        return commit


def _denied(repo: str, right: str) -> S3Refusal:
    return S3Refusal(
        "AccessDenied", f"This token may not {right} {repo!r}; it would need the scope repo:{repo}:{right}."
    )
