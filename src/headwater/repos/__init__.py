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
"""

from headwater.repos.builder import CommitBuilder
from headwater.repos.errors import (
    AmbiguousRef,
    BranchMoved,
    CommitEnded,
    CommitNotFound,
    CommitOpen,
    CommitUnfinished,
    EmptyCommit,
    InvalidGlob,
    InvalidMetadata,
    InvalidName,
    InvalidRef,
    NotAFile,
    PathNotFound,
    ProtectedRepo,
    RefExists,
    RefNotFound,
    RepoExists,
    RepoNotFound,
)
from headwater.repos.refs import Ref, parse_ref, parse_what
from headwater.repos.repo import Repo
from headwater.repos.repos import CommitHook, Repos
from headwater.repos.store import Move
from headwater.repos.values import Commit, PendingCommit, Roots, Trees
from headwater.repos.view import Match, View

__all__ = [
    "AmbiguousRef",
    "BranchMoved",
    "Commit",
    "CommitBuilder",
    "CommitEnded",
    "CommitHook",
    "CommitNotFound",
    "CommitOpen",
    "CommitUnfinished",
    "EmptyCommit",
    "InvalidGlob",
    "InvalidMetadata",
    "InvalidName",
    "InvalidRef",
    "Match",
    "Move",
    "NotAFile",
    "PathNotFound",
    "PendingCommit",
    "ProtectedRepo",
    "Ref",
    "RefExists",
    "RefNotFound",
    "Repo",
    "RepoExists",
    "RepoNotFound",
    "Repos",
    "Roots",
    "Trees",
    "View",
    "parse_ref",
    "parse_what",
]
