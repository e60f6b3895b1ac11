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

Names load when they are used: who only checks a name or reads a glob needs no
catalog.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.repos.bonds import BranchOwner, Descent, PinSource, RepoUser
    from headwater.repos.builder import CommitBuilder
    from headwater.repos.drafts import DraftBuilder, OpenCommit
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
    from headwater.repos.gathering import Gathering
    from headwater.repos.names import is_protected
    from headwater.repos.refs import Ref, parse_ref, parse_what
    from headwater.repos.repo import Repo
    from headwater.repos.repos import CommitHook, Repos
    from headwater.repos.roots import RepoRoots
    from headwater.repos.store import Move
    from headwater.repos.transaction import Transaction
    from headwater.repos.values import Commit, Named, PendingCommit, Roots, Trees
    from headwater.repos.view import Match, View

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
    "builder": ("CommitBuilder",),
    "drafts": (
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
    "gathering": ("Gathering",),
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
    "store": ("Move",),
    "transaction": ("Transaction",),
    "values": (
        "Commit",
        "Named",
        "PendingCommit",
        "Roots",
        "Trees",
    ),
    "view": (
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
