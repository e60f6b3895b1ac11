"""How pipelines hang together: what feeds what, as a picture for a notebook and as a tree for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise
from statistics import fmean

from headwater.api.pipelines import PipelineInfo

_WIDE, _HIGH, _GAP_X, _GAP_Y, _MARGIN = 170, 34, 46, 12, 4
_LETTERS, _MOST_NODES = 22, 60
_COLORS = {
    "succeeded": "#2e7d32",
    "failed": "#c62828",
    "blocked": "#c62828",
    "running": "#1565c0",
    "starting": "#1565c0",
    "finishing": "#1565c0",
}
_PLAIN = "#8a8a8a"

_Stop = tuple[str, ...]
"""A name that has a box, or where a line from a source to a name passes a column."""


class Graph:
    """Pipelines, and the repos that feed them without being made by one, by what each feeds."""

    def __init__(self, pipelines: Sequence[PipelineInfo]) -> None:
        """Finds of each input the pipeline that makes it, else the repo."""
        self.pipelines: Mapping[str, PipelineInfo] = {one.name: one for one in pipelines}
        makers = {one.output: one.name for one in pipelines}
        self.feeds: dict[str, list[str]] = {}
        self.fed_by: dict[str, list[str]] = {}
        for one in pipelines:
            for item in one.inputs:
                place = item.partition(":")[0]
                # A repo and a pipeline may be called the same; the @ keeps them apart.
                source = makers.get(place, place)
                if one.name not in self.feeds.setdefault(source, []):
                    self.feeds[source].append(one.name)
                    self.fed_by.setdefault(one.name, []).append(source)
        self.roots = sorted(name for name in self.feeds if name not in self.pipelines)
        self.roots += [one.name for one in pipelines if one.name not in self.fed_by]

    def depths(self) -> dict[str, int]:
        """Returns how many steps each is from the beginning, on the longest way."""
        found: dict[str, int] = {}
        ready, waits = list(self.roots), {name: len(sources) for name, sources in self.fed_by.items()}
        for name in ready:
            found[name] = max((found[one] + 1 for one in self.fed_by.get(name, ())), default=0)
            for fed in self.feeds.get(name, ()):
                waits[fed] -= 1
                if not waits[fed]:
                    ready.append(fed)
        return found


def tree_lines(pipelines: Sequence[PipelineInfo]) -> Iterator[str]:
    """Yields what feeds what, each pipeline once: below the last of its inputs to be made, with the others named."""
    graph = Graph(pipelines)
    depth = graph.depths()
    below: dict[str, list[str]] = {}
    for name, sources in graph.fed_by.items():
        below.setdefault(max(sources, key=lambda one: depth.get(one, 0)), []).append(name)
    for root in graph.roots:
        if root in graph.pipelines or root in below:
            yield _label(graph, root, "")
            yield from _branches(graph, below, root)


def _branches(graph: Graph, below: Mapping[str, Sequence[str]], root: str) -> Iterator[str]:
    waiting = [(root, name, "", number == 0) for number, name in enumerate(reversed(below.get(root, ())))]
    while waiting:
        above, name, indent, is_last = waiting.pop()
        yield f"{indent}{'└── ' if is_last else '├── '}{_label(graph, name, above)}"
        inner = indent + ("    " if is_last else "│   ")
        fed = reversed(below.get(name, ()))
        waiting += [(name, one, inner, number == 0) for number, one in enumerate(fed)]


def _label(graph: Graph, name: str, above: str) -> str:
    pipeline = graph.pipelines.get(name)
    if pipeline is None:
        return name
    others = [one for one in graph.fed_by.get(name, ()) if one != above]
    also = f"; also reads {', '.join(others)}" if others else ""
    return f"{name}  {_state(pipeline)}{also}"


def _state(pipeline: PipelineInfo) -> str:
    last = pipeline.process.state if pipeline.process is not None else pipeline.last_state
    return ", ".join(
        one for one in ("paused" if pipeline.state == "paused" else "", last or "no job yet") if one
    )


def picture_svg(pipelines: Sequence[PipelineInfo]) -> str:
    """Returns what feeds what as a picture; nothing where there are too many to see anything."""
    graph = Graph(pipelines)
    depth = graph.depths()
    if not depth or len(depth) > _MOST_NODES:
        return ""
    ways = [_way(source, name, depth) for source, fed in graph.feeds.items() for name in fed if name in depth]
    columns = _columns(depth, ways)
    places = {
        stop: (_MARGIN + column * (_WIDE + _GAP_X), _MARGIN + row * (_HIGH + _GAP_Y))
        for column, stops in enumerate(columns)
        for row, stop in enumerate(stops)
    }
    width = len(columns) * (_WIDE + _GAP_X) - _GAP_X + 2 * _MARGIN
    height = max(map(len, columns)) * (_HIGH + _GAP_Y) - _GAP_Y + 2 * _MARGIN
    lines = "".join(_line([places[stop] for stop in way]) for way in ways)
    boxes = "".join(_box(graph, stop[0], place) for stop, place in places.items() if len(stop) == 1)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'style="max-width:100%" font-family="sans-serif" fill="none">{lines}{boxes}</svg>'
    )


def _way(source: str, name: str, depth: Mapping[str, int]) -> list[_Stop]:
    """Returns the places that a line passes: in each column between its ends one of its own, so it crosses no box."""
    between = range(depth[source] + 1, depth[name])
    return [(source,), *((source, name, str(column)) for column in between), (name,)]


def _columns(depth: Mapping[str, int], ways: Sequence[Sequence[_Stop]]) -> list[list[_Stop]]:
    """Returns what stands in each column, near the middle of what leads there, so that few lines cross."""
    columns: list[dict[_Stop, list[_Stop]]] = [{} for _ in range(max(depth.values()) + 1)]
    for name, column in depth.items():
        columns[column][(name,)] = []
    for way in ways:
        first = depth[way[0][0]]
        for at, (before, stop) in enumerate(pairwise(way), start=first + 1):
            columns[at].setdefault(stop, []).append(before)
    row: dict[_Stop, int] = {}
    ordered = []
    for stops in columns:
        middles = {
            stop: fmean(row[one] for one in before) if before else 0.0 for stop, before in stops.items()
        }
        ordered.append(sorted(stops, key=middles.__getitem__))
        row |= {stop: number for number, stop in enumerate(ordered[-1])}
    return ordered


def _line(places: Sequence[tuple[int, int]]) -> str:
    bend, middle = _GAP_X // 2, _HIGH // 2
    drawn = f"M{places[0][0] + _WIDE} {places[0][1] + middle}"
    for (x1, y1), (x2, y2) in pairwise(places):
        start, end = x1 + _WIDE, x2
        drawn += f" C{start + bend} {y1 + middle} {end - bend} {y2 + middle} {end} {y2 + middle}"
        drawn += f" h{_WIDE}" if (x2, y2) != places[-1] else ""
    x, y = places[-1][0], places[-1][1] + middle
    return f'<path d="{drawn}" stroke="{_PLAIN}"/><path d="M{x - 6} {y - 4} L{x} {y} L{x - 6} {y + 4}" fill="{_PLAIN}"/>'


def _box(graph: Graph, name: str, place: tuple[int, int]) -> str:
    x, y = place
    pipeline = graph.pipelines.get(name)
    shown = name if len(name) <= _LETTERS else name[: _LETTERS - 1] + "…"
    if pipeline is None:
        state, color, dashes = "repo", _PLAIN, ""
    else:
        state, color = _state(pipeline), _COLORS.get(pipeline.last_state or "", _PLAIN)
        dashes = ' stroke-dasharray="4 3"' if pipeline.state == "paused" else ""
    corner = 3 if pipeline is None else _HIGH // 2
    return (
        f"<g><title>{escape(name)}</title>"
        f'<rect x="{x}" y="{y}" width="{_WIDE}" height="{_HIGH}" rx="{corner}" stroke="{color}" stroke-width="1.5"{dashes}/>'
        f'<text x="{x + _WIDE // 2}" y="{y + 15}" text-anchor="middle" font-size="12" fill="currentColor">'
        f"{escape(shown)}</text>"
        f'<text x="{x + _WIDE // 2}" y="{y + 27}" text-anchor="middle" font-size="9" fill="{color}">'
        f"{escape(state)}</text></g>"
    )
