"""A repo as plain dictionaries: every commit a copy of its files, every rule written out the slow way."""

from collections.abc import Iterable
from dataclasses import dataclass, field

Files = dict[str, bytes]
UNKNOWN = b"\0unknown"


def below(path: str, files: Files) -> list[str]:
    return [name for name in files if name == path or name.startswith(f"{path}/")]


def collides(path: str, files: Iterable[str]) -> bool:
    return any(name.startswith(f"{path}/") or path.startswith(f"{name}/") for name in files)


def merged(bases: list[Files | None], ours: Files, theirs: Files) -> Files | None:
    """Returns what a merge makes; none where it is a conflict. A base of none was purged."""
    made: Files = {}
    for path in {*ours, *theirs, *(path for base in bases if base for path in base)}:
        mine, other = ours.get(path), theirs.get(path)
        kept = mine
        if mine != other:
            if None in bases:
                return None
            verdicts = {_verdict(base.get(path), mine, other) for base in bases if base is not None}
            if len(verdicts) > 1 or verdicts == {"conflict"}:
                return None
            kept = mine if verdicts == {"ours"} else other
        if kept is not None:
            made[path] = kept
    return None if any(collides(path, made) for path in made) else made


def _verdict(was: bytes | None, mine: bytes | None, other: bytes | None) -> str:
    return "theirs" if was == mine else "ours" if was == other else "conflict"


@dataclass
class Model:
    """What a repo must hold; the files of a purged commit are none."""

    files: dict[str, Files | None] = field(default_factory=dict)
    parents: dict[str, str | None] = field(default_factory=dict)
    merged: dict[str, list[str]] = field(default_factory=dict)
    heads: dict[str, str | None] = field(default_factory=lambda: {"main": None})
    tags: dict[str, str] = field(default_factory=dict)

    def add(
        self, branch: str, id: str, files: Files, *, merged: Iterable[str] = (), parent: str | None
    ) -> None:
        self.files[id], self.parents[id], self.merged[id] = files, parent, list(merged)
        self.heads[branch] = id

    def head_files(self, branch: str) -> Files:
        head = self.heads[branch]
        found = {} if head is None else self.files[head]
        assert found is not None, "a head is never given up"
        return found

    def living(self) -> list[str]:
        return [id for id, files in self.files.items() if files is not None]

    def line(self, start: str | None) -> list[str]:
        found = []
        while start is not None:
            found.append(start)
            start = self.parents[start]
        return found

    def ancestors(self, start: str) -> set[str]:
        seen, waiting = set(), [start]
        while waiting:
            id = waiting.pop()
            if id not in seen:
                seen.add(id)
                parent = self.parents[id]
                waiting += [*self.merged[id], *([parent] if parent else [])]
        return seen

    def bases(self, one: str, other: str) -> set[str]:
        common = self.ancestors(one) & self.ancestors(other)
        return {id for id in common if not any(id != more and id in self.ancestors(more) for more in common)}

    def named(self) -> set[str]:
        return {*(head for head in self.heads.values() if head), *self.tags.values()}

    def squashed(self, line: list[str]) -> set[str]:
        """Returns those of a line that nothing names or builds on from outside."""
        outside = {parent for id, parent in self.parents.items() if parent and id not in line}
        return set(line) - outside - self.named()

    def expired(self, last: int) -> set[str]:
        """Returns those that are not among the newest of any branch."""
        kept = {id for head in self.heads.values() for id in self.line(head)[:last]}
        return set(self.living()) - kept - self.named()

    def give_up(self, ids: Iterable[str]) -> None:
        for id in ids:
            self.files[id] = None
