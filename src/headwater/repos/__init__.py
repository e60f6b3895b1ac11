"""Repos: commits, branches, tags, history, differences, globs, provenance.

    repos = Repos(catalog, storage, clock=clock)
    reviews = repos.create("reviews")
    with reviews.commit("main", message="March") as commit:
        commit.put("/1.txt", "A fine film.")
    reviews.at("main").read("/1.txt")

Floors above build trees with a storage `Writer` and publish them with
`Repos.publish` in a transaction of their own; `reserve` and `complete` do the
same for a commit that a job finishes later. A `CommitHook` hears of every
finished commit inside its transaction.

Inside, `reading` shows what commits hold, `committing` makes them, `history`
works with those that are there, and `rows` is what the catalog keeps of them.

Names load when they are used: who only checks a name or reads a glob needs no
catalog.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.repos.bonds import BranchOwner, Descent, PinSource, RepoUser
    from headwater.repos.committing.builder import CommitBuilder
    from headwater.repos.committing.drafts import DraftBuilder, OpenCommit
    from headwater.repos.committing.gathering import Gathering
    from headwater.repos.committing.transaction import Transaction
    from headwater.repos.errors import (
        AmbiguousRef,
        BranchMoved,
        BranchOwned,
        CommitChanged,
        CommitEnded,
        CommitNamed,
        CommitNotFound,
        CommitOpen,
        CommitPinned,
        CommitPurged,
        CommitUnfinished,
        EmptyCommit,
        InUse,
        InvalidGlob,
        InvalidMetadata,
        InvalidName,
        InvalidRef,
        InvalidRetention,
        MergeConflict,
        NotAFile,
        NothingToSquash,
        PathNotFound,
        ProtectedRepo,
        RefExists,
        RefNotFound,
        RepoExists,
        RepoNotFound,
    )
    from headwater.repos.names import is_protected
    from headwater.repos.reading.view import Match, View
    from headwater.repos.refs import Ref, parse_ref, parse_what
    from headwater.repos.repo import Repo
    from headwater.repos.repos import CommitHook, Repos
    from headwater.repos.roots import RepoRoots
    from headwater.repos.rows.store import Move
    from headwater.repos.values import Commit, Named, PendingCommit, Roots, Trees

__all__ = [
    "AmbiguousRef",
    "BranchMoved",
    "BranchOwned",
    "BranchOwner",
    "Commit",
    "CommitBuilder",
    "CommitChanged",
    "CommitEnded",
    "CommitHook",
    "CommitNamed",
    "CommitNotFound",
    "CommitOpen",
    "CommitPinned",
    "CommitPurged",
    "CommitUnfinished",
    "Descent",
    "DraftBuilder",
    "EmptyCommit",
    "Gathering",
    "InUse",
    "InvalidGlob",
    "InvalidMetadata",
    "InvalidName",
    "InvalidRef",
    "InvalidRetention",
    "Match",
    "MergeConflict",
    "Move",
    "Named",
    "NotAFile",
    "NothingToSquash",
    "OpenCommit",
    "PathNotFound",
    "PendingCommit",
    "PinSource",
    "ProtectedRepo",
    "Ref",
    "RefExists",
    "RefNotFound",
    "Repo",
    "RepoExists",
    "RepoNotFound",
    "RepoRoots",
    "RepoUser",
    "Repos",
    "Roots",
    "Transaction",
    "Trees",
    "View",
    "is_protected",
    "parse_ref",
    "parse_what",
]

_MODULES = {
    "bonds": (
        "BranchOwner",
        "Descent",
        "PinSource",
        "RepoUser",
    ),
    "committing.builder": ("CommitBuilder",),
    "committing.drafts": (
        "DraftBuilder",
        "OpenCommit",
    ),
    "errors": (
        "AmbiguousRef",
        "BranchMoved",
        "BranchOwned",
        "CommitChanged",
        "CommitEnded",
        "CommitNamed",
        "CommitNotFound",
        "CommitOpen",
        "CommitPinned",
        "CommitPurged",
        "CommitUnfinished",
        "EmptyCommit",
        "InUse",
        "InvalidGlob",
        "InvalidMetadata",
        "InvalidName",
        "InvalidRef",
        "InvalidRetention",
        "MergeConflict",
        "NotAFile",
        "NothingToSquash",
        "PathNotFound",
        "ProtectedRepo",
        "RefExists",
        "RefNotFound",
        "RepoExists",
        "RepoNotFound",
    ),
    "committing.gathering": ("Gathering",),
    "names": ("is_protected",),
    "refs": (
        "Ref",
        "parse_ref",
        "parse_what",
    ),
    "repo": ("Repo",),
    "repos": (
        "CommitHook",
        "Repos",
    ),
    "roots": ("RepoRoots",),
    "rows.store": ("Move",),
    "committing.transaction": ("Transaction",),
    "values": (
        "Commit",
        "Named",
        "PendingCommit",
        "Roots",
        "Trees",
    ),
    "reading.view": (
        "Match",
        "View",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:  # whatever stands under the name
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
