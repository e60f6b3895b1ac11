"""What care of the storage reports."""

from typing import Literal

import msgspec

FindingKind = Literal[
    "object-missing",
    "object-cut-off",
    "segment-damaged",
    "block-damaged",
    "bytes-missing",
    "segment-unknown",
    "tree-inconsistent",
    "object-orphaned",
]


class Packed(msgspec.Struct, frozen=True):
    """What packing moved: how many segments and bytes, into how many new objects, and out of how many old ones."""

    segments: int = 0
    size: int = 0
    objects: int = 0
    emptied: int = 0


class Swept(msgspec.Struct, frozen=True):
    """What a sweep freed, and what it packed on the way."""

    epoch: int = 0
    kept: int = 0
    segments: int = 0
    size: int = 0
    objects: int = 0
    reservations: int = 0
    orphans: int = 0
    erased: int = 0
    packed: Packed = Packed()


class Sizes(msgspec.Struct, frozen=True):
    """How much is stored, and where: as rows of the catalog, in objects, or only reserved so far."""

    stored: int
    rows: int
    row_bytes: int
    pending: int
    objects: int


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong, where it is, and what it touches; `repaired` says what was done about it."""

    kind: FindingKind
    what: str
    where: str
    segment: int | None = None
    object: str | None = None
    offset: int | None = None
    commits: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    advice: str = ""
    repaired: str = ""

    @property
    def is_damage(self) -> bool:
        """Whether something that should be readable is not; an orphan only takes room."""
        return self.kind != "object-orphaned" and self.repaired != "restored"
