"""All that a workspace tells of itself: the same before and after a move, to the last id."""

from typing import Any

import msgspec

import headwater as hw


def told(workspace: hw.Workspace) -> dict[str, Any]:
    """Returns repos, refs, commits with provenance, files, models, requests, environments and tokens."""
    repos = [repo.name for repo in workspace.repos()]
    return {
        "repos": msgspec.to_builtins(list(workspace.repos())),
        "history": {name: _history(workspace, name) for name in repos},
        "models": msgspec.to_builtins(workspace.models()),
        "versions": [msgspec.to_builtins(workspace.versions(one.model)) for one in workspace.models().items],
        "promotions": [
            msgspec.to_builtins(workspace.promotions(one.model)) for one in workspace.models().items
        ],
        "requests": msgspec.to_builtins(workspace.requests.list()),
        "environments": msgspec.to_builtins(workspace.environments()),
        "tokens": msgspec.to_builtins(workspace.tokens.list()),
    }


def _history(workspace: hw.Workspace, name: str) -> dict[str, Any]:
    repo = workspace.repo(name)
    branches, tags = repo.branches(), repo.tags()
    commits = {ref.commit for ref in (*branches, *tags) if ref.commit is not None}
    return {
        "branches": msgspec.to_builtins(branches),
        "tags": msgspec.to_builtins(tags),
        "moves": [[str(move) for move in repo.moves(branch.name)] for branch in branches],
        "log": {
            branch.name: msgspec.to_builtins(repo.log(branch.name, limit=1000).items)
            for branch in branches
            if branch.commit is not None
        },
        "files": {commit: msgspec.to_builtins(list(repo.at(commit).walk("/"))) for commit in sorted(commits)},
    }
