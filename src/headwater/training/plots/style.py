"""The one style of all pictures, and how a figure becomes SVG bytes.

Lines and texts are drawn in a stand-in colour that is then written as
`currentColor`, so that a picture inside a page follows its light or dark
theme. Texts stay texts (sharp, searchable, and small). Marks of data use
colours that can be told apart on both themes and by most colour-blind eyes.
No time stamp and no random id is written.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#010203"  # stands for the page's text colour
FAINT = 0.14
QUIET = 0.62
PALETTE = ("#4c8dff", "#f2a33a", "#2eb67d", "#e5567a", "#9a6bff", "#21b3c9", "#b0883f", "#8a94a6")
RISING, FALLING = "#4c8dff", "#e5567a"
POINT_LIMIT = 1_000

_SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a column may be named `a$b$`
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.unicode_minus": True,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": INK,
    "grid.alpha": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "svg.fonttype": "none",
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "figure.dpi": 200,  # of the parts that are drawn as pixels
}
_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}
_ROOT = (
    b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    b'viewBox="%s" font-family="system-ui, sans-serif" style="stroke-linejoin: round; stroke-linecap: butt">'
)
_HEAD = re.compile(
    rb'^.*?<svg[^>]*?viewBox="([^"]*)"[^>]*>\s*<defs>\s*<style.*?</style>\s*</defs>', re.DOTALL
)
_FAMILY = re.compile(rb"font-family: [^;\"]*;? ?")
_FONT = re.compile(rb"font: (?:(\w+) )??([\d.]+px) [^;\"]*")


@contextmanager
def drawing(name: str, width: float, height: float) -> "Iterator[Figure]":
    """Gives a figure of that size in inches, in the style of all pictures; `name` tells its ids apart."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(cast(Any, _SETTINGS | {"svg.hashsalt": name})):
        yield Figure(figsize=(width, height), layout="constrained")


def to_svg(figure: "Figure") -> bytes:
    """Returns the figure as an SVG element that scales with its place; call inside `drawing`."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    out = io.BytesIO()
    canvas: Any = FigureCanvasSVG(figure)
    with warnings.catch_warnings():
        # Fonts only measure here; whoever looks at the page has their own, with all the signs they can read.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        canvas.print_svg(out, metadata=_METADATA)
    # matplotlib's head sets a size and a style rule for the whole page it stands in.
    data = _HEAD.sub(lambda head: _ROOT % head[1], out.getvalue(), count=1)
    data = _FONT.sub(rb"font-weight: \1; font-size: \2", _FAMILY.sub(b"", data)).replace(
        b"font-weight: ; ", b""
    )
    return data.replace(INK.encode(), b"currentColor").strip() + b"\n"


def short(text: str, limit: int = 24) -> str:
    """Returns the text on one line and no longer than that, for a label."""
    line = "".join(sign if sign.isprintable() else "\ufffd" for sign in " ".join(text.split())) or "(blank)"
    return line if len(line) <= limit else line[: limit - 1] + "…"


def clear(axes: "Axes") -> None:
    """Takes ticks, frame and grid away."""
    axes.set_axis_off()
    axes.grid(visible=False)


def sample(rows: int, limit: int = POINT_LIMIT) -> Any:
    """Returns the positions of at most `limit` rows, drawn evenly and always the same."""
    import numpy as np

    if rows <= limit:
        return np.arange(rows)
    return np.sort(np.random.RandomState(0).permutation(rows)[:limit])
