"""Random states of repos, and random inputs nested in one another, without mistakes."""

from hypothesis import assume
from hypothesis import strategies as st

from headwater.pipelines.spec import (
    CronInput,
    CrossInput,
    FilesInput,
    GroupInput,
    Input,
    JoinInput,
    UnionInput,
)
from headwater.pipelines.spec.algebra import mistakes
from headwater.repos.reading.glob import read_glob
from tests.pipelines.inputs.workbench import State

REPOS = ("r", "s")
_NAMES = st.sampled_from(["a", "b", "a-1", "b.x", "c"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)
_GLOBS = st.sampled_from(
    [
        "/",
        "/*",
        "/(*)",
        "/*/*",
        "/(*)/(*)",
        "/a/*",
        "/(a*)",
        "/(*)-1",
        "/**",
        "/(**)",
        "/a",
        "/*/",
        "/(*)/",
        "/{a,b}/(*)",
        "/**/(*)",
        "/a/",
        "/(a|b)",
        "/**/*.x",
        "/b.x",
        "/a/(*)/**",
        "/*/a*/(*)",
        "/(?)*",
    ]
)


@st.composite
def files(draw: st.DrawFn) -> dict[str, int]:
    made: dict[str, int] = {}
    for path in draw(st.lists(_PATHS, max_size=10)):
        _put(made, path, draw(st.integers(0, 2)))
    return made


@st.composite
def edited(draw: st.DrawFn, before: dict[str, int]) -> dict[str, int]:
    after = dict(before)
    for path in draw(st.lists(st.sampled_from(sorted(before)), max_size=3)) if before else ():
        after.pop(path, None)
    for path in draw(st.lists(_PATHS | st.sampled_from(sorted(before) or ["a"]), max_size=4)):
        _put(after, path, draw(st.integers(0, 2)))
    return after


def _put(files: dict[str, int], path: str, content: int) -> None:
    if not any(other.startswith(f"{path}/") or path.startswith(f"{other}/") for other in files):
        files[path] = content


@st.composite
def states(draw: st.DrawFn) -> tuple[State, State]:
    old = {repo: draw(files()) for repo in REPOS}
    new = {repo: draw(st.just(old[repo]) | edited(old[repo]) | files()) for repo in REPOS}
    return old, new


@st.composite
def inputs(draw: st.DrawFn) -> Input:
    made = _Grower(draw).grow(3, join=False, group=False, outer=False)
    assume(not mistakes(made))
    return made


class _Grower:
    def __init__(self, draw: st.DrawFn) -> None:
        self._draw, self._count = draw, 0

    def grow(self, depth: int, *, join: bool, group: bool, outer: bool) -> Input:
        kinds = ["files"] if depth == 0 else ["files", "cross", "union", "join", "group"]
        kinds += ["join", "cross"] if depth and group else []  # whose rows may bring one file several times
        kind = self._draw(st.sampled_from(kinds))
        if kind == "files":
            return self._files(join=join, group=group, outer=outer)
        count = self._draw(st.integers(1, 3 if depth < 3 else 2))
        if kind == "cross":
            return self._cross(depth, count, join=join, group=group, outer=outer)
        if kind == "union":
            return self._union(depth, count, join=join, group=group, outer=outer)
        if kind == "join":
            of = tuple(
                self.grow(depth - 1, join=True, group=group, outer=self._draw(st.booleans()))
                for _ in range(count)
            )
            return JoinInput(of=of)
        return GroupInput(
            of=tuple(self.grow(depth - 1, join=False, group=True, outer=False) for _ in range(count))
        )

    def _cross(self, depth: int, count: int, *, join: bool, group: bool, outer: bool) -> Input:
        chosen = self._draw(st.integers(0, count - 1))
        of = []
        for at in range(count):
            if at == chosen:
                of.append(self.grow(depth - 1, join=join, group=group, outer=outer))
            elif join:
                grouped = group and self._draw(st.booleans())
                of.append(self._files(join=False, group=grouped, outer=False))
            else:
                of.append(
                    self.grow(depth - 1, join=False, group=group and self._draw(st.booleans()), outer=False)
                )
        return CrossInput(of=tuple(of))

    def _union(self, depth: int, count: int, *, join: bool, group: bool, outer: bool) -> Input:
        start, ends, of = self._count, [], []
        reuse = self._draw(st.booleans())
        for _ in range(count):
            self._count = start if reuse else self._count
            of.append(self.grow(depth - 1, join=join, group=group, outer=outer))
            ends.append(self._count)
        self._count = max(ends)
        return UnionInput(of=tuple(of))

    def _files(self, *, join: bool, group: bool, outer: bool) -> Input:
        number = self._count
        self._count += 1
        glob = self._draw(_GLOBS)
        templates = ["k", "$1", "x$1"][: 3 if read_glob(glob).whole.groups else 1]
        templates += ["$1$2"] if read_glob(glob).whole.groups > 1 else []
        if not join and not group and self._draw(st.integers(0, 9)) == 0:
            return CronInput(name=f"n{number}", schedule="@daily", repo=REPOS[number % 2])
        return FilesInput(
            name=f"n{number}",
            repo=REPOS[number % 2],
            glob=glob,
            reference=number % 5 == 4 or (number % 5 == 2 and number % 2 == 0),
            join_on=self._draw(st.sampled_from(templates)) if join else "",
            group_by=self._draw(st.sampled_from(templates)) if group else "",
            outer_join=join and outer,
        )
