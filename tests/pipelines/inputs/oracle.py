"""What an input means, said slowly: all rows of a state with plain Python sets, and nothing remembered."""

from collections.abc import Mapping
from itertools import product
from math import prod
from typing import Any, NamedTuple

import msgspec
from blake3 import blake3

from headwater.pipelines.spec import (
    CronInput,
    CrossInput,
    FilesInput,
    GroupInput,
    Input,
    JoinInput,
    UnionInput,
)
from headwater.pipelines.spec.algebra import fill, gives_join_value, is_outer
from headwater.repos.reading.glob import read_glob
from tests.pipelines.inputs.workbench import Files, State

Id = tuple[Any, ...]
Holds = Any  # a number for a file, a frozenset for a folder or a group, none for a reference


class OneItem(NamedTuple):
    id: Id
    holds: Holds
    group: str | None
    members: frozenset[Id] = frozenset()
    size: int = 0


class OneRow(NamedTuple):
    items: tuple[OneItem, ...]
    join: str | None


Rows = dict[Id, OneRow]


def rows_of(node: Input, state: State) -> Rows:
    """Returns all rows by their identities."""
    match node:
        case FilesInput():
            return _files(node, state[node.repo])
        case CronInput():
            return rows_of(node.files(), state)
        case CrossInput():
            return _cross(node, state)
        case UnionInput():
            united: Rows = {}
            for child in node.of:
                united = rows_of(child, state) | united
            return united
        case JoinInput():
            return _join(node, state)
        case GroupInput():
            return _group(node, state)


def most_rows(node: Input, state: State) -> int:
    """Returns how many rows there may be at most, without making them."""
    match node:
        case FilesInput() | CronInput():
            return len(rows_of(node, state))
        case CrossInput() | JoinInput():
            return prod(most_rows(child, state) + 1 for child in node.of)
        case UnionInput() | GroupInput():
            return sum(most_rows(child, state) for child in node.of)


def holds(row: OneRow) -> tuple[Holds, ...]:
    """Returns what the result depends on."""
    return tuple(item.holds for item in row.items)


def _files(node: FilesInput, files: Files) -> Rows:
    glob = read_glob(node.glob)
    found: Rows = {}
    for path, (content, size) in _places(files, folders_only=glob.folders_only).items():
        captures = glob.match(path)
        if captures is None or (not path and glob.parts):
            continue
        id = (node.name, node.repo, node.branch, path)
        group = fill(node.group_by, captures) if node.group_by else None
        mine = frozenset({id})
        item = OneItem(id, None if node.reference else content, group, mine, 0 if node.reference else size)
        found[id,] = OneRow((item,), fill(node.join_on, captures) if node.join_on else None)
    return found


def _places(files: Files, *, folders_only: bool) -> Mapping[str, tuple[Holds, int]]:
    places: dict[str, tuple[Holds, int]] = {}
    folders: dict[str, set[tuple[str, int]]] = {}
    for path, content in files.items():
        names = path.split("/")
        for to in range(len(names)):
            folders.setdefault("/".join(names[:to]), set()).add((path, content))
        if not folders_only:
            places[path] = (content, 10 + content)
    for folder, below in folders.items():
        places[folder] = (frozenset(below), sum(10 + content for _, content in below))
    return places


def _rows(rows: list[OneRow]) -> Rows:
    return {tuple(item.id for item in row.items): row for row in rows}


def _together(parts: tuple[OneRow, ...], join: str | None) -> OneRow:
    return OneRow(tuple(item for part in parts for item in part.items), join)


def _cross(node: CrossInput, state: State) -> Rows:
    carriers = [at for at, child in enumerate(node.of) if gives_join_value(child)]
    sides = [list(rows_of(child, state).values()) for child in node.of]
    return _rows(
        [
            _together(parts, parts[carriers[0]].join if len(carriers) == 1 else None)
            for parts in product(*sides)
        ]
    )


def _join(node: JoinInput, state: State) -> Rows:
    sides = [list(rows_of(child, state).values()) for child in node.of]
    found = []
    for value in {row.join for side in sides for row in side}:
        matching = [[row for row in side if row.join == value] for side in sides]
        if not all(matching):
            matching = [
                rows for rows, child in zip(matching, node.of, strict=True) if rows and is_outer(child)
            ]
        if matching:
            found += [_together(parts, value) for parts in product(*matching)]
    return _rows(found)


def _group(node: GroupInput, state: State) -> Rows:
    groups: dict[str, dict[Id, OneItem]] = {}
    for child in node.of:
        for row in rows_of(child, state).values():
            for value in {item.group for item in row.items} - {None}:
                assert value is not None
                for item in row.items:
                    if item.group in (None, value):
                        groups.setdefault(value, {})[item.id] = item
    mark = blake3(msgspec.json.encode(node, order="sorted")).digest()
    return _rows(
        [
            OneRow(
                (
                    OneItem(
                        ("group", (mark, value.encode())),
                        frozenset(
                            (item.id, item.holds) for item in members.values() if item.holds is not None
                        ),
                        value,
                        frozenset().union(*(item.members for item in members.values())),
                        sum(item.size for item in members.values()),
                    ),
                ),
                value,
            )
            for value, members in groups.items()
        ]
    )
