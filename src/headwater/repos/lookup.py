"""Finds repos, and the commit that a ref means, in one snapshot of the catalog."""

from sqlalchemy import Connection

from headwater.clock import rfc3339
from headwater.errors import did_you_mean
from headwater.ids import CommitId, SetId
from headwater.repos.errors import (
    AmbiguousRef,
    CommitEnded,
    CommitNotFound,
    CommitPurged,
    CommitUnfinished,
    RefNotFound,
    RepoNotFound,
)
from headwater.repos.refs import MIN_PREFIX, parse_what
from headwater.repos.rows import commit_store, draft_store, store
from headwater.repos.values import Commit, Named

_HEX = frozenset("0123456789abcdef")
_ID_DIGITS = 32
_CANDIDATES = 5


def repo_by_name(conn: Connection, name: str) -> store.RepoRow:
    """Returns the repo.

    Raises:
        RepoNotFound: There is none; the hint has names that come near.
    """
    row = store.repo_by_name(conn, name)
    if row is None:
        raise _no_repo(conn, name)
    return row


def repo_and_branch(conn: Connection, repo: str, branch: str) -> tuple[store.RepoRow, store.BranchRow | None]:
    """Returns the repo and, where there is one, its branch.

    Raises:
        RepoNotFound: There is no such repo.
    """
    row, found = store.repo_and_branch(conn, repo, branch)
    if row is None:
        raise _no_repo(conn, repo)
    return row, found


def branch_by_name(conn: Connection, repo: store.RepoRow, name: str) -> store.BranchRow:
    """Returns the branch.

    Raises:
        RefNotFound: There is none; the hint has names that come near.
    """
    row = store.branch_by_name(conn, repo.id, name)
    if row is None:
        known = [branch.name for branch in store.branches_of(conn, repo.id)]
        raise RefNotFound(
            f"{repo.name!r} has no branch {name!r}.",
            ref=f"{repo.name}@{name}",
            hint=f"{did_you_mean(name, known, none='')} `headwater branch create {repo.name}@{name}` makes it.",
        )
    return row


def commit_by_id(conn: Connection, commit: str) -> Commit:
    """Returns the commit with exactly this id.

    Raises:
        CommitNotFound: There is none.
    """
    found = commit_store.commit_by_id(conn, commit)
    if found is None:
        raise CommitNotFound(commit)
    return found


def check_readable(commit: Commit) -> None:
    """Makes sure that a commit has files to show.

    Raises:
        CommitPurged: They were given up.
        CommitUnfinished: It never had any, or not yet.
    """
    if commit.purge is not None:
        raise CommitPurged(
            commit.id,
            repo=commit.repo,
            at=rfc3339(commit.purge.at_ms),
            by=commit.purge.by,
            reason=commit.purge.reason,
        )
    if commit.state != "finished":
        raise CommitUnfinished(commit.id, repo=commit.repo, state=commit.state)


def commit_id(conn: Connection, repo: store.RepoRow, what: str) -> CommitId:
    """Returns the id of the commit that `what` means in the repo: a branch, else a tag, else an id's beginning.

    Raises:
        AmbiguousRef: Several ids begin so.
        InvalidRef: The text does not have the form of a ref.
        RefNotFound: Nothing has this name, it has no commit yet, or not so many before it.
    """
    meant = parse_what(what, whole=f"{repo.name}@{what}")
    start = _named(conn, repo, meant.name)
    if not meant.steps:
        return start
    found, steps = commit_store.ancestor(conn, start, meant.steps)
    if steps < meant.steps:
        raise RefNotFound(
            f"There is no {repo.name}@{what}: only {steps} commits come before {meant.name!r}.",
            ref=f"{repo.name}@{what}",
            hint=f"`headwater log {repo.name}@{meant.name}` lists them.",
        )
    return found


def named(conn: Connection, repo: str, name: str) -> Named:
    """Returns what a name means in a repo: a branch, which may have no commit yet, else a tag, else a commit.

    Raises:
        AmbiguousRef: Several ids begin so.
        RefNotFound: Nothing has this name.
        RepoNotFound: There is no such repo.
    """
    row, branch = repo_and_branch(conn, repo, name)
    if branch is not None:
        return Named("branch", branch.head)
    tag = store.tag_by_name(conn, row.id, name)
    if tag is not None:
        return Named("tag", tag.commit_id)
    return Named("commit", _beginning(conn, row, name))


def open_set(conn: Connection, id: str) -> SetId:
    """Returns the set of the open commits that an id means: a set's or a commit's, or the beginning of one.

    Raises:
        AmbiguousRef: Open commits of several sets begin so.
        CommitEnded: It is the id of a commit, or of a set, that is not open.
        CommitNotFound: Nothing has this id.
    """
    prefix = id.lower()
    is_id = MIN_PREFIX <= len(prefix) <= _ID_DIGITS and _HEX.issuperset(prefix)
    found = draft_store.beginning(conn, prefix, _CANDIDATES) if is_id else []
    sets = {set_id for _, set_id in found}
    if len(sets) > 1:
        raise AmbiguousRef(id, candidates=[commit for commit, _ in found])
    if sets:
        return sets.pop()
    ended = commit_store.commit_by_id(conn, prefix)
    known = [ended] if ended else commit_store.commits_of_set(conn, prefix)
    raise CommitEnded(id, state=known[0].state) if known else CommitNotFound(id)


def _no_repo(conn: Connection, name: str) -> RepoNotFound:
    none = f"There are no repos yet; make it with `headwater repo create {name}`."
    return RepoNotFound(name, hint=did_you_mean(name, store.repo_names(conn), none=none))


def _named(conn: Connection, repo: store.RepoRow, name: str) -> CommitId:
    branch = store.branch_by_name(conn, repo.id, name)
    if branch is not None:
        if branch.head is None:
            is_written = repo.kind == "data"  # by hand; else a job's commit is the first one
            hint = f"Put something into it: `headwater put {repo.name}@{name} FILE`."
            raise RefNotFound(
                f"{repo.name}@{name} has no commit yet.",
                ref=f"{repo.name}@{name}",
                hint=hint if is_written else "A job writes it: `headwater job list` shows how far it is.",
            )
        return branch.head
    tag = store.tag_by_name(conn, repo.id, name)
    if tag is not None:
        return tag.commit_id
    return _beginning(conn, repo, name)


def _beginning(conn: Connection, repo: store.RepoRow, name: str) -> CommitId:
    prefix = name.lower()
    is_id = len(prefix) <= _ID_DIGITS and _HEX.issuperset(prefix)
    if is_id and len(prefix) >= MIN_PREFIX:
        found = commit_store.commits_by_prefix(conn, repo.id, prefix, _CANDIDATES)
        if len(found) > 1:
            raise AmbiguousRef(f"{repo.name}@{name}", candidates=found)
        if found:
            return found[0]
        elsewhere = commit_store.commit_by_id(conn, prefix)
        if elsewhere is not None:
            raise RefNotFound(
                f"Commit {prefix} is in the repo {elsewhere.repo!r}, not in {repo.name!r}.",
                ref=f"{repo.name}@{name}",
                hint=f"Write {elsewhere.repo}@{prefix}.",
            )
    known = [branch.name for branch in store.branches_of(conn, repo.id)]
    known += [tag.name for tag in store.tags_of(conn, repo.id)]
    short = f" An id needs at least {MIN_PREFIX} digits." if is_id and len(prefix) < MIN_PREFIX else ""
    raise RefNotFound(
        f"{repo.name!r} has no branch, tag or commit {name!r}.",
        ref=f"{repo.name}@{name}",
        hint=did_you_mean(name, known, none=f"`headwater log {repo.name}` shows its commits.") + short,
    )
