"""Decides, path by path, what a merge makes of two trees and what they come from.

Pure but for reading trees: takes them and yields edits to ours, and a row for
each conflict. Nothing is merged inside a file. A path is decided where one
side alone changed it; where both did, differently, it is a conflict, and so
is a file of one side where the other has a folder. With several bases, as
where histories cross, all of them must say the same; with a base whose files
were given up, nobody can say who changed what, so every path that differs is
a conflict.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from headwater.api.documents import ConflictRow, ConflictSide
from headwater.storage import Choice, Delete, Edit, FileEntry, Put, Tree, compare_three

Side = Literal["ours", "theirs"]
ConflictKind = Literal["changed", "added", "deleted-here", "deleted-there", "file-folder", "unknown-base"]
_SLASH = b"/"[0]


class Decided(msgspec.Struct, frozen=True, gc=False):
    """A path with the verdict on it; `is_known` is false where the bases do not agree or are gone."""

    choice: Choice
    is_known: bool = True


def compare(bases: Sequence[Tree], ours: Tree, theirs: Tree) -> Iterator[Decided]:
    """Yields the paths at which two trees differ, judged by all trees that both come from."""
    streams = [compare_three(base, ours, theirs) for base in bases]
    for verdicts in zip(
        *streams, strict=True
    ):  # the paths are those at which the two differ, whatever the base
        first = verdicts[0]
        agree = all(one.verdict == first.verdict for one in verdicts)
        yield Decided(first if agree else msgspec.structs.replace(first, verdict="conflict"), agree)


def compare_without_base(ours: Tree, theirs: Tree) -> Iterator[Decided]:
    """Yields the paths at which two trees differ, where nobody can tell any more which side changed them."""
    for mine, other in ours.diff(theirs):
        known = mine or other
        assert known is not None, "a difference has at least one side"
        yield Decided(Choice(known.path, None, mine, other, "conflict"), is_known=False)


def decide(found: Iterable[Decided], prefer: Side | None) -> Iterator[Edit | ConflictRow]:
    """Yields the edits that make the merge of ours, and a row for each conflict.

    Args:
        found: The paths at which the sides differ, in order.
        prefer: The side that wins conflicts; their rows are yielded all the same.
    """
    crossing = _Crossing()
    for one in found:
        choice = one.choice
        side: Side
        if choice.verdict == "conflict":
            yield _conflict(choice, is_known=one.is_known)
            if prefer is None:
                continue
            side = prefer
        else:
            side = choice.verdict
        if side == "theirs":
            yield Delete(choice.path) if choice.theirs is None else Put(choice.path, choice.theirs.content)
        for file, below in crossing.enter(choice, side):
            yield _collision(file, below)
            if prefer is not None:
                loser = file if file.side != prefer else below
                crossing.leave(loser)
                yield Delete(loser.choice.path)


class _Kept(msgspec.Struct, gc=False):
    """A file of the merge that only one side has."""

    key: bytes
    side: Side
    choice: Choice
    is_told: bool = False
    is_out: bool = False


class _Crossing:
    """Finds files of one side that lie where the other side has a folder, as paths come in their order."""

    def __init__(self) -> None:
        self._above: list[_Kept] = []  # each begins with the one before it

    def enter(self, choice: Choice, side: Side) -> Iterator[tuple[_Kept, _Kept]]:
        """Yields (file, file below it) for each earlier file that this one cannot stand beside."""
        kept, other = (choice.ours, choice.theirs) if side == "ours" else (choice.theirs, choice.ours)
        if kept is None or other is not None:
            return
        new = _Kept(choice.path.encode(), side, choice)
        while self._above and not new.key.startswith(self._above[-1].key):
            self._above.pop()
        for file in list(self._above):
            is_inside = new.key[len(file.key)] == _SLASH
            if is_inside and file.side != side and not (file.is_out or file.is_told or new.is_out):
                yield file, new
        if not new.is_out:
            self._above.append(new)

    def leave(self, kept: _Kept) -> None:
        """Takes a file out of the merge."""
        kept.is_out = True


def _conflict(choice: Choice, *, is_known: bool) -> ConflictRow:
    kind: ConflictKind
    if not is_known:
        kind = "unknown-base"
    elif choice.ours is None:
        kind = "deleted-here"
    elif choice.theirs is None:
        kind = "deleted-there"
    else:
        kind = "added" if choice.base is None else "changed"
    base = choice.base if is_known else None
    return ConflictRow(f"/{choice.path}", kind, _side(base), _side(choice.ours), _side(choice.theirs))


def _collision(file: _Kept, below: _Kept) -> ConflictRow:
    choice = file.choice
    return ConflictRow(
        f"/{choice.path}",
        "file-folder",
        _side(choice.base),
        _side(choice.ours),
        _side(choice.theirs),
        f"/{below.choice.path}",
    )


def _side(entry: FileEntry | None) -> ConflictSide | None:
    return None if entry is None else ConflictSide(entry.hash.hex(), entry.size)
