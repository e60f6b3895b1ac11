"""What a report shows, as values; how it is laid out is the work of `page`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headwater.training.profile import ColumnProfile


@dataclass(frozen=True)
class Figure:
    """A picture (SVG made by `plots`) and the sentence under it."""

    svg: bytes
    caption: str
    small: bool = True


@dataclass(frozen=True)
class TargetPart:
    """One target: how it was learned and how well it does on its test rows.

    `confidence` is the level asked for and the share of test rows that the
    interval or set held; none when confidence is off.
    """

    name: str
    task: str
    algorithm: str
    params: Mapping[str, Any]
    train_rows: int
    validation_rows: int
    test_rows: int
    features: tuple[str, ...]
    scores: Mapping[str, float]
    metric: str
    confidence: tuple[float, float] | None
    width: float | None
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class GateLine:
    """A gate, the target it is about and what is known of it when the version is made."""

    gate: str
    target: str
    limit: float | None
    value: float | None
    passed: bool | None


@dataclass(frozen=True)
class Page:
    """Everything on the page."""

    model: str
    version: int
    data: str
    rows: int
    rows_left_out: int
    profile: tuple[ColumnProfile, ...]
    roles: Mapping[str, str]
    figures: tuple[Figure, ...]
    targets: tuple[TargetPart, ...]
    gates: tuple[GateLine, ...]
    promote: tuple[str, ...]
    request: str
    provenance: tuple[tuple[str, str], ...]
