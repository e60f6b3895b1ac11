"""Pictures of how well a target is predicted, and from what."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from headwater.training.plots.style import FAINT, INK, PALETTE, QUIET, clear, drawing, sample, short, to_svg

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BARS = 15
_CLASSES = 20


def predicted_actual_plot(
    actual: "NDArray[np.float64]",
    predicted: "NDArray[np.float64]",
    interval: "tuple[NDArray[np.float64], NDArray[np.float64]] | None",
) -> bytes:
    """Returns test rows by actual and predicted value, with their intervals where there are any."""
    import numpy as np

    with drawing("predicted-actual", 3.7, 2.9) as figure:
        axes = figure.subplots()
        chosen = sample(len(actual))
        x, y = actual[chosen], predicted[chosen]
        low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
        room = (high - low) * 0.04 or 1.0
        axes.plot(
            [low - room, high + room],
            [low - room, high + room],
            color=INK,
            lw=0.9,
            alpha=QUIET,
            dashes=(4, 3),
        )
        if interval is not None:
            lower, upper = (np.clip(side[chosen], low - room, high + room) for side in interval)
            axes.vlines(x, lower, upper, color=PALETTE[0], alpha=0.22, lw=1.6)
        axes.plot(x, y, "o", ms=4, color=PALETTE[0], alpha=0.75, mew=0)
        axes.set(xlim=(low - room, high + room), ylim=(low - room, high + room))
        axes.set(xlabel="actual", ylabel="predicted")
        axes.set_title("Predicted and actual" + (", with intervals" if interval is not None else ""))
        return to_svg(figure)


def residual_plot(actual: "NDArray[np.float64]", predicted: "NDArray[np.float64]") -> bytes:
    """Returns residuals (actual minus predicted) by predicted value, and their histogram."""
    residuals = actual - predicted
    with drawing("residuals", 3.7, 2.9) as figure:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
        chosen = sample(len(actual))
        left.axhline(0, color=INK, lw=0.9, alpha=QUIET, dashes=(4, 3))
        left.plot(predicted[chosen], residuals[chosen], "o", ms=4, color=PALETTE[1], alpha=0.75, mew=0)
        left.set(xlabel="predicted", ylabel="actual − predicted")
        left.set_title("Residuals")
        right.hist(
            residuals,
            bins=min(20, max(5, len(residuals) // 5)),
            orientation="horizontal",
            color=PALETTE[1],
            alpha=0.75,
        )
        right.set(xlabel="rows")
        right.spines["left"].set_visible(False)
        right.grid(visible=False, axis="y")
        return to_svg(figure)


def importance_plot(names: Sequence[str], importances: "NDArray[np.float64]") -> bytes:
    """Returns the features that helped most, as shares of the whole."""
    import numpy as np

    order = np.argsort(-importances, kind="stable")[:_BARS]
    with drawing("importances", 3.7, max(2.9, 0.9 + 0.26 * len(order))) as figure:
        axes = figure.subplots()
        shares = importances[order]
        axes.barh(range(len(order)), shares, color=PALETTE[2], height=min(0.66, 0.16 * len(order)))
        for place, share in enumerate(shares):
            axes.annotate(
                f"{share:.0%}", (share, place), (4, 0), textcoords="offset points", va="center", fontsize=8
            )
        axes.set_yticks(range(len(order)), [short(names[place]) for place in order])
        axes.set(xlim=(0, max(float(shares.max(initial=0)), 0.01) * 1.14))
        axes.set_ylim(len(order) - 0.4, -0.6)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.grid(visible=False, axis="y")
        more = f" ({len(order)} of {len(names)})" if len(names) > len(order) else ""
        axes.set_title(f"Importance of features{more}")
        return to_svg(figure)


def confusion_plot(classes: Sequence[str], counts: "NDArray[np.int64]") -> bytes:
    """Returns how often each class (rows) was taken for each (columns), for the most frequent classes."""
    import numpy as np

    shown = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[:_CLASSES])
    names = [short(classes[place], 16) for place in shown]
    part = counts[np.ix_(shown, shown)]
    shares = part / np.maximum(part.sum(axis=1, keepdims=True), 1)
    size = max(2.2, min(0.52 * len(names), 6.4))
    with drawing("confusion", size + 1.9, size + 1.1) as figure:
        axes = figure.subplots()
        clear(axes)
        for row, column in np.ndindex(*part.shape):
            _cell(axes, row, column, share=float(shares[row, column]), count=int(part[row, column]))
        for place, name in enumerate(names):
            axes.text(-0.62, place, name, ha="right", va="center", fontsize=8.5)
            axes.text(
                place,
                len(names) - 0.36,
                name,
                ha="right",
                va="top",
                rotation=30,
                rotation_mode="anchor",
                fontsize=8.5,
            )
        axes.set(xlim=(-0.55, len(names) - 0.45), ylim=(len(names) - 0.45, -0.55), aspect="equal")
        more = f" ({len(names)} of {len(classes)} classes)" if len(classes) > len(names) else ""
        axes.set_title(f"Actual (rows) and predicted (columns){more}")
        return to_svg(figure)


def _cell(axes: Any, row: int, column: int, *, share: float, count: int) -> None:
    from matplotlib.patches import Rectangle

    right = row == column
    strength = FAINT / 2 if not count else 0.25 + 0.7 * share
    colour = INK if not count else PALETTE[2] if right else PALETTE[3]
    axes.add_patch(Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, fc=colour, alpha=strength, lw=0))
    if count:
        axes.text(
            column,
            row,
            f"{count:,}",
            ha="center",
            va="center",
            fontsize=9,
            fontweight="bold" if right else "normal",
        )
