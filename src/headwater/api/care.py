"""The documents about a workspace itself and its care; part of `documents`, and imported from there."""

from typing import Any, Literal

import msgspec

from headwater.api.html import ShownFields


class WorkspaceInfo(ShownFields, msgspec.Struct, frozen=True):
    """A workspace: where it is, what is in it.

    `size` is that of the repos' heads, `stored` what all commits take, and
    `named` what they would take if each had files of its own; `deduplicated`
    is the share of `named` that is not stored again. `unpacked` bytes still
    lie in the catalog; `reserved` segments are being written.
    """

    url: str
    catalog: str
    objects: str
    version: str
    repos: int
    size: int
    stored: int
    named: int = 0
    deduplicated: float = 0.0
    unpacked: int = 0
    reserved: int = 0
    packed_objects: int = 0


class SweepInfo(msgspec.Struct, frozen=True):
    """What `gc` freed: segments, their bytes, whole objects, reservations that ran out, objects that nothing named."""

    segments: int
    size: int
    objects: int
    reservations: int
    orphans: int
    erased: int
    kept: int
    packed: int


class FindingInfo(msgspec.Struct, frozen=True):
    """Something that `check` found wrong, where it lies, and the commits and paths that it touches."""

    kind: str
    what: str
    where: str
    segment: int | None
    object: str | None
    offset: int | None
    commits: list[str]
    paths: list[str]
    advice: str
    repaired: str
    damage: bool


class SettingInfo(msgspec.Struct, frozen=True):
    """A setting of the workspace: its dotted name, its value, and what it is by default."""

    name: str
    value: Any
    default: Any


class MoveInfo(msgspec.Struct, frozen=True):
    """A move of a workspace to another place: from where, to where, how it ended, and how much this run brought."""

    id: str
    source: str
    target: str
    state: Literal["moving", "moved", "copied", "abandoned"]
    rows: int
    objects: int
    size: int
