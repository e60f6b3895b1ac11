"""Pictures of the data: how columns lie against each other, and how they correlate.

The pair plot draws all its panels into one pair of axes, each column scaled
into its cell: a grid of n · n matplotlib axes takes seconds, this a tenth.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headwater.training.plots.style import (
    FAINT,
    FALLING,
    INK,
    PALETTE,
    QUIET,
    RISING,
    clear,
    drawing,
    sample,
    short,
    to_svg,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_GRID_LIMIT = 7
_HEAT_LIMIT = 24
_POINTS = 600
_INSET = 0.08
_CURVE = 64


@dataclass(frozen=True)
class _Group:
    """Rows of one class, or all rows."""

    label: str
    colour: str
    rows: "NDArray[np.int64]"


def pair_plot(columns: "Mapping[str, NDArray[np.float64]]", classes: "Sequence[str | None] | None") -> bytes:
    """Returns every number against every other: points, densities on the diagonal, correlations above it.

    Args:
        columns: At least two columns of numbers, NaN where missing; the first seven are drawn.
        classes: The class of each row, which colours it; at most eight of them.
    """
    names = list(columns)[:_GRID_LIMIT]
    values = {name: _scaled(columns[name]) for name in names}
    groups = _groups(len(values[names[0]]), classes)
    size = len(names)
    with drawing("pairs", 1.28 * size + 0.7, 1.28 * size + 0.9) as figure:
        axes = figure.subplots()
        clear(axes)
        _frames(axes, names, columns)
        for group in groups:
            _points(axes, names, values, group)
            _densities(axes, names, values, group)
        _numbers(axes, names, columns, groups)
        if len(groups) > 1:
            _legend(axes, size, groups)
        axes.set(
            xlim=(-0.45, size + 0.02), ylim=(size + 0.34, -0.22 if len(groups) > 1 else -0.02), aspect="equal"
        )
        return to_svg(figure)


def correlation_plot(columns: "Mapping[str, NDArray[np.float64]]") -> bytes:
    """Returns Pearson's correlation of each two columns of numbers, over the rows that have both."""
    import numpy as np
    from matplotlib.patches import Rectangle

    names = list(columns)[:_HEAT_LIMIT]
    size = len(names)
    width = max(2.6, min(0.62 * size, 8.4))
    with drawing("correlations", width + 1.6, width + 1.0) as figure:
        axes = figure.subplots()
        clear(axes)
        for row, column in np.ndindex(size, size):
            r = correlation(columns[names[row]], columns[names[column]])
            strength = 0.06 if np.isnan(r) else 0.06 + 0.84 * abs(r)
            colour = RISING if r >= 0 else FALLING
            axes.add_patch(
                Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, fc=colour, alpha=strength, lw=0)
            )
            axes.text(column, row, _signed(r), ha="center", va="center", fontsize=8 if size <= 12 else 5.5)
        for place, name in enumerate(names):
            axes.text(-0.6, place, short(name), ha="right", va="center", fontsize=8)
            axes.text(
                place,
                size - 0.38,
                short(name),
                ha="right",
                va="top",
                rotation=35,
                rotation_mode="anchor",
                fontsize=8,
            )
        axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal")
        return to_svg(figure)


def correlation(x: "NDArray[np.float64]", y: "NDArray[np.float64]") -> float:
    """Returns Pearson's r over the rows that have both values; NaN where it is not defined."""
    import numpy as np

    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < 2:
        return float("nan")
    a, b = x[both] - x[both].mean(), y[both] - y[both].mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / scale) if scale > 0 else float("nan")


def _signed(r: float) -> str:
    return "–" if math.isnan(r) else f"{r:.2f}".replace("-0.00", "0.00").replace("-", "−")


def _scaled(values: "NDArray[np.float64]") -> "NDArray[np.float64]":
    import numpy as np

    low, high = np.nanmin(values), np.nanmax(values)
    span = high - low
    middle = np.where(np.isnan(values), np.nan, 0.5)
    return _INSET + (1 - 2 * _INSET) * ((values - low) / span if span > 0 else middle)


def _groups(rows: int, classes: "Sequence[str | None] | None") -> list[_Group]:
    import numpy as np

    if classes is None:
        return [_Group("", PALETTE[0], np.arange(rows))]
    labels = np.array([label or "" for label in classes])
    return [
        _Group(label or "(missing)", PALETTE[place % len(PALETTE)], np.flatnonzero(labels == label))
        for place, label in enumerate(sorted(set(labels.tolist())))
    ]


def _frames(axes: Any, names: list[str], columns: "Mapping[str, NDArray[np.float64]]") -> None:
    import numpy as np
    from matplotlib.patches import Rectangle

    for row, column in np.ndindex(len(names), len(names)):
        fill = FAINT / 3 if row == column else 0
        axes.add_patch(
            Rectangle(
                (column + 0.02, row + 0.02), 0.96, 0.96, fc=(*_ink(), fill), ec=(*_ink(), FAINT), lw=0.7
            )
        )
    for place, name in enumerate(names):
        low, high = np.nanmin(columns[name]), np.nanmax(columns[name])
        axes.text(-0.06, place + 0.5, short(name, 20), rotation=90, ha="right", va="center", fontsize=8.5)
        axes.text(place + 0.5, len(names) + 0.17, short(name, 20), ha="center", va="top", fontsize=8.5)
        for value, side, align in ((low, 0.02, "left"), (high, 0.98, "right")):
            axes.text(
                place + side, len(names) + 0.03, f"{value:.4g}", ha=align, va="top", fontsize=7, alpha=QUIET
            )


def _ink() -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(INK)


def _points(axes: Any, names: list[str], values: "Mapping[str, NDArray[np.float64]]", group: _Group) -> None:
    import numpy as np

    rows = group.rows[sample(len(group.rows), _POINTS)]
    xs, ys = [], []
    for row, column in zip(*np.tril_indices(len(names), -1), strict=True):
        xs.append(column + values[names[column]][rows])
        ys.append(row + 1 - values[names[row]][rows])
    size = 3.2 if len(rows) <= 200 else 2.2
    axes.plot(
        np.concatenate(xs),
        np.concatenate(ys),
        "o",
        ms=size,
        mew=0,
        color=group.colour,
        alpha=0.6,
        rasterized=True,
    )


def _densities(
    axes: Any, names: list[str], values: "Mapping[str, NDArray[np.float64]]", group: _Group
) -> None:
    import numpy as np

    grid = np.linspace(0.02, 0.98, _CURVE)
    for place, name in enumerate(names):
        seen = values[name][group.rows[sample(len(group.rows), _POINTS)]]
        seen = seen[np.isfinite(seen)]
        if len(seen) < 2:
            continue
        # Silverman's rule; a column of few values keeps a visible width.
        width = max(1.06 * float(seen.std()) * len(seen) ** -0.2, 0.02)
        curve = np.exp(-0.5 * ((grid[:, None] - seen[None, :]) / width) ** 2).sum(axis=1)
        top = place + 1 - _INSET - 0.8 * curve / curve.max()
        axes.fill_between(place + grid, place + 1 - _INSET, top, color=group.colour, alpha=0.28, lw=0)
        axes.plot(place + grid, top, color=group.colour, lw=1.1)


def _numbers(
    axes: Any, names: list[str], columns: "Mapping[str, NDArray[np.float64]]", groups: list[_Group]
) -> None:
    import numpy as np

    shown = groups if 1 < len(groups) <= 4 else []
    for row, column in zip(*np.triu_indices(len(names), 1), strict=True):
        x, y = columns[names[row]], columns[names[column]]
        r = correlation(x, y)
        height = 0.5 if not shown else 0.3
        axes.text(
            column + 0.5,
            row + height,
            _signed(r),
            ha="center",
            va="center",
            fontsize=12,
            alpha=0.35 + 0.65 * abs(np.nan_to_num(r)),
        )
        for place, group in enumerate(shown):
            inner = _signed(correlation(x[group.rows], y[group.rows]))
            axes.text(
                column + 0.5,
                row + 0.52 + 0.14 * place,
                inner,
                ha="center",
                va="center",
                fontsize=7.5,
                color=group.colour,
            )


def _legend(axes: Any, size: int, groups: list[_Group]) -> None:
    step = size / max(len(groups), 4)
    for place, group in enumerate(groups):
        axes.plot([0.05 + place * step], [-0.12], "o", ms=5, mew=0, color=group.colour)
        axes.text(0.14 + place * step, -0.12, short(group.label, 18), ha="left", va="center", fontsize=8.5)
