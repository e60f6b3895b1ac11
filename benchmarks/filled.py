"""A repo with as many files as wanted, and commits that change one of them."""

import random

from headwater.repos import Repo

_PER_FOLDER = 100
_CONTENT_BYTES = 200


def fill(repo: Repo, files: int, chance: random.Random) -> None:
    """Puts that many small files into a repo, with one commit."""
    with repo.commit("main", message=f"{files} files") as commit:
        for number in range(files):
            commit.put(_path(number), chance.randbytes(_CONTENT_BYTES))


def change_one(repo: Repo, files: int, chance: random.Random) -> None:
    """Commits new content for one of a filled repo's files."""
    path, content = _path(chance.randrange(files)), chance.randbytes(_CONTENT_BYTES)
    with repo.commit("main", message="One file") as commit:
        commit.put(path, content)


def _path(number: int) -> str:
    return f"/{number // _PER_FOLDER:04}/{number % _PER_FOLDER:02}.txt"
