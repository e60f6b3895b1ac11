"""What a pipeline must write, told the slow way: every datum enumerated with plain lists, nothing remembered.

Shares no code with the planner or the engine; only the spec's shapes and the
meaning of a glob's captures are taken from the package.
"""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

from headwater.pipelines.spec import CrossInput, FilesInput, GroupInput, Input, JoinInput, UnionInput
from headwater.repos.reading.glob import read_glob

Files = Mapping[str, str]  # path without a slash in front → text


class Atom(NamedTuple):
    """One matched file or folder of one input."""

    leaf: int
    input: FilesInput
    path: str
    captures: tuple[str, ...]


Row = tuple[Atom, ...]


def outputs(spec: Input, sources: Sequence[Files], edition: int) -> dict[str, str]:
    """Returns the files that a pipeline must write; raises where a datum is poisoned.

    Args:
        spec: The input.
        sources: The files that each leaf reads.
        edition: That of the code.

    Raises:
        ValueError: A datum is poisoned.
    """
    found: dict[str, str] = {}
    for row in set(datums(spec, sources)):
        path, text = _work(row, sources, edition)
        if found.setdefault(path, text) != text:
            raise AssertionError(f"two datums write {path}")
    return found


def datums(spec: Input, sources: Sequence[Files]) -> list[Row]:
    """Returns every datum of an input."""
    numbers = iter(range(len(sources)))
    return _rows(spec, sources, numbers)


def _rows(node, sources, numbers) -> list[Row]:  # type: ignore[no-untyped-def]
    if isinstance(node, FilesInput):
        leaf = next(numbers)
        return [(Atom(leaf, node, path, captures),) for path, captures in _matches(node.glob, sources[leaf])]
    children = [_rows(child, sources, numbers) for child in node.of]
    if isinstance(node, UnionInput):
        # The same file under the same name is the same datum, whichever of the inputs gave it.
        seen: dict[tuple[object, ...], Row] = {}
        for row in (row for rows in children for row in rows):
            seen.setdefault(tuple((a.input.name, a.input.repo, a.input.branch, a.path) for a in row), row)
        return list(seen.values())
    if isinstance(node, CrossInput):
        return [tuple(atom for row in rows for atom in row) for rows in product(*children)]
    if isinstance(node, JoinInput):
        return _joined(node, children)
    assert isinstance(node, GroupInput)
    groups: dict[str, set[Atom]] = {}
    for row in (row for rows in children for row in rows):
        groups.setdefault(_key(row, "group_by"), set()).update(row)
    return [tuple(sorted(atoms, key=lambda atom: (atom.leaf, atom.path))) for atoms in groups.values()]


def _joined(node: JoinInput, children: Sequence[Sequence[Row]]) -> list[Row]:
    found = []
    keys = {_key(row, "join_on") for rows in children for row in rows}
    for key in keys:
        sides = [[row for row in rows if _key(row, "join_on") == key] for rows in children]
        if all(sides):
            found += [tuple(atom for row in rows for atom in row) for rows in product(*sides)]
            continue
        # Not matched: each side that asked to be kept is there with what it has of this key.
        kept = [side for side, child in zip(sides, node.of, strict=True) if side and _is_outer(child)]
        if kept:
            found += [tuple(atom for row in rows for atom in row) for rows in product(*kept)]
    return found


def _is_outer(node: Input) -> bool:
    return isinstance(node, FilesInput) and node.outer_join


def _key(row: Row, field: str) -> str:
    parts = []
    for atom in row:
        template = getattr(atom.input, field)
        for number, text in enumerate(atom.captures, start=1):
            template = template.replace(f"${number}", text)
        parts.append(template)
    return "\0".join(part for part in parts if part)


def _matches(glob: str, files: Files) -> list[tuple[str, tuple[str, ...]]]:
    if glob == "/":
        return [("", ())] if files else []
    pattern = read_glob(glob)
    paths = set(files)
    for path in files:
        parts = path.split("/")
        paths |= {"/".join(parts[:count]) for count in range(1, len(parts))}
    return [(path, captures) for path in sorted(paths) if (captures := pattern.match(path)) is not None]


def _work(row: Row, sources: Sequence[Files], edition: int) -> tuple[str, str]:
    """What steps.py writes for the datum."""
    seen = sorted(
        (atom.input.name, path, text)
        for atom in row
        for path, text in sources[atom.leaf].items()
        if not atom.path or path == atom.path or path.startswith(f"{atom.path}/")
    )
    if any("POISON" in text for _, _, text in seen):
        raise ValueError("this datum is poisoned")
    digest = hashlib.sha256(repr([(name, path) for name, path, _ in seen]).encode()).hexdigest()[:10]
    letter = min((path.strip("/")[:1] for _, path, _ in seen), default="z")
    lines = [f"{name} {path} {hashlib.sha256(text.encode()).hexdigest()[:12]}" for name, path, text in seen]
    return f"{letter}-{digest}.txt", "\n".join([f"edition {edition}", *lines])
