"""What is wrong with an input that can be said without a catalog, and what `join_on` and `group_by` mean.

Both are templates over the captures of the input's glob: `$1` (or `${1}`) is
the first, `$$` a dollar sign, all else stands for itself.

A datum of a join's input needs one value to join on. That of files is their
`join_on`, that of a group or a join the value its members share. A union has
that of whichever input gave the datum, so all need one; of a cross exactly
one input has it. Below a group, each file goes by its own `group_by`, and what
has none goes with the files of its datum that have one.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import combinations

from headwater.pipelines.spec.shapes import (
    CronInput,
    CrossInput,
    FilesInput,
    GroupInput,
    Input,
    JoinInput,
    UnionInput,
    leaves_of,
)

Mistake = tuple[str, str]

MOST_LEAVES = 256
_REFERENCE = re.compile(r"\$(?:(\d+)|\{(\d+)\}|(\$))")
_RESERVED = frozenset({"out"})
_Composite = CrossInput | UnionInput | JoinInput | GroupInput
_NAMES: dict[type[_Composite], str] = {
    CrossInput: "cross",
    UnionInput: "union",
    JoinInput: "join",
    GroupInput: "group",
}


def fill(template: str, captures: Sequence[str]) -> str:
    """Returns a template with what was captured in the places of `$1`, `$2`, …; nothing where there is none."""
    count = len(captures)
    return "".join(
        [
            part if isinstance(part, str) else captures[part - 1] if 1 <= part <= count else ""
            for part in _parts(template)
        ]
    )


def mistakes(input: Input) -> list[Mistake]:
    """Returns all that is wrong with an input, each with the path of the field that has it."""
    found = [*_of_node(input, "input", above=())]
    leaves = leaves_of(input)
    if len(leaves) > MOST_LEAVES:
        found.append(
            ("input", f"it has {len(leaves):,} inputs of files; at most {MOST_LEAVES} are possible.")
        )
    return [*found, *_of_twins(leaves)]


def gives_join_value(node: Input) -> bool:
    """Tells whether every datum of an input has a value to join on."""
    match node:
        case FilesInput():
            return bool(node.join_on)
        case CronInput():
            return False
        case CrossInput():
            return sum(map(gives_join_value, node.of)) == 1
        case UnionInput():
            return all(map(gives_join_value, node.of))
        case JoinInput() | GroupInput():
            return True


def gives_group_value(node: Input) -> bool:
    """Tells whether every datum of an input has something that goes by a `group_by`."""
    match node:
        case FilesInput():
            return bool(node.group_by)
        case CronInput():
            return False
        case CrossInput():
            return any(map(gives_group_value, node.of))
        case UnionInput():
            return all(map(gives_group_value, node.of))
        case JoinInput():
            needed = all if any(map(is_outer, node.of)) else any
            return needed(map(gives_group_value, node.of))
        case GroupInput():
            return True


def is_outer(node: Input) -> bool:
    """Tells whether datums of a join's input are kept where they have no match."""
    if isinstance(node, FilesInput):
        return node.outer_join
    if isinstance(node, CronInput):
        return False
    if isinstance(node, CrossInput):
        return any(is_outer(child) for child in node.of if gives_join_value(child))
    return any(map(is_outer, node.of))


def _of_node(node: Input, path: str, *, above: tuple[str, ...]) -> Iterator[Mistake]:
    if isinstance(node, FilesInput):
        yield from _of_files(node, path, above)
    elif isinstance(node, CronInput):
        yield from _of_name(node.name, path)
    else:
        word = _NAMES[type(node)]
        if not node.of:
            yield f"{path}.{word}", f"a {word} needs at least one input."
        if not isinstance(node, UnionInput):
            yield from _of_names(node.of, f"{path}.{word}", word)
        if isinstance(node, JoinInput):
            yield from _of_join(node, f"{path}.{word}")
        if isinstance(node, GroupInput):
            yield from _of_group(node, f"{path}.{word}")
        if isinstance(node, UnionInput) and "group" in above:
            yield from _of_grouped_union(node, f"{path}.{word}")
        for at, child in enumerate(node.of):
            yield from _of_node(child, f"{path}.{word}[{at}]", above=(*above, word))


def _of_files(node: FilesInput, path: str, above: tuple[str, ...]) -> Iterator[Mistake]:
    from headwater.repos.errors import InvalidGlob
    from headwater.repos.reading.glob import read_glob

    yield from _of_name(node.name, path)
    try:
        glob = read_glob(node.glob)
        captures: int | None = glob.whole.groups
        if any(part.literal and part.begin in {".", ".."} for part in glob.parts):
            yield f"{path}.glob", f"{node.glob!r} can match nothing: no path has the part '.' or '..'."
    except InvalidGlob as error:
        yield f"{path}.glob", error.message
        captures = None
    for field, template, place in (("join_on", node.join_on, "join"), ("group_by", node.group_by, "group")):
        if template and place not in above:
            yield (
                f"{path}.{field}",
                f"it has a meaning only below a {place}; write a {place} around it, or leave it out.",
            )
        for number in (part for part in _parts(template) if isinstance(part, int)):
            if captures is not None and not 1 <= number <= captures:
                held = "no (…)" if not captures else f"{captures} (…)"
                yield f"{path}.{field}", f"${number} is not there: the glob {node.glob!r} has {held}."
    if node.outer_join and "join" not in above:
        yield (
            f"{path}.outer_join",
            "it has a meaning only below a join; write a join around it, or leave it out.",
        )


def _of_name(name: str, path: str) -> Iterator[Mistake]:
    if not name:
        yield f"{path}.name", "an input needs a name, for the code finds its files by it."
    elif name in _RESERVED or "/" in name or "\0" in name or name in {".", ".."}:
        yield f"{path}.name", f"no input can have the name {name!r}; choose another."


def _of_names(children: Sequence[Input], path: str, word: str) -> Iterator[Mistake]:
    taken: dict[str, int] = {}
    for at, child in enumerate(children):
        for name in dict.fromkeys(_input_names(child)):
            if name in taken:
                yield (
                    f"{path}[{at}]",
                    f"the name {name!r} is taken by input {taken[name]} of this {word}; a datum sees both, so give one another name.",
                )
            taken.setdefault(name, at)


def _of_join(node: JoinInput, path: str) -> Iterator[Mistake]:
    for at, child in enumerate(node.of):
        if not gives_join_value(child):
            yield f"{path}[{at}]", _missing(child, "join_on", "joined on")
        if isinstance(child, UnionInput) and len({is_outer(one) for one in child.of}) > 1:
            yield (
                f"{path}[{at}].union",
                "either all inputs of a union below a join have `outer_join`, or none.",
            )


def _of_group(node: GroupInput, path: str) -> Iterator[Mistake]:
    for at, child in enumerate(node.of):
        if not gives_group_value(child):
            yield f"{path}[{at}]", _missing(child, "group_by", "grouped by")


def _of_grouped_union(node: UnionInput, path: str) -> Iterator[Mistake]:
    """A file that comes alone and in a group would be in the outer group twice."""
    for at, child in enumerate(node.of):
        grouped = set(_names_in_groups(child))
        for other in (one for number, one in enumerate(node.of) if number != at):
            for name in grouped.intersection(_input_names(other)):
                yield (
                    f"{path}[{at}]",
                    f"the name {name!r} stands in a group here and beside it too, and all of it goes into one group; give one another name.",
                )


def _names_in_groups(node: Input) -> list[str]:
    if isinstance(node, GroupInput):
        return [*_input_names(node)]
    return (
        []
        if isinstance(node, FilesInput | CronInput)
        else [name for child in node.of for name in _names_in_groups(child)]
    )


def _missing(child: Input, field: str, use: str) -> str:
    if isinstance(child, FilesInput):
        return f"the input {child.name!r} needs `{field}`, what its files are {use}, such as `{field}: $1`."
    if isinstance(child, CronInput):
        return f"the clock {child.name!r} has nothing to be {use}; put it into a cross around this."
    if isinstance(child, CrossInput) and field == "join_on":
        return "exactly one input of a cross below a join gives the value it is joined on: by `join_on`, a group or a join."
    return f"not every datum of it has something to be {use}; give its inputs `{field}`."


def _of_twins(leaves: Sequence[FilesInput]) -> Iterator[Mistake]:
    """Inputs of one name, repo and branch give the same datums, so they must be read in the same way."""
    seen = set()
    for first, second in combinations(leaves, 2):
        if (first.name, first.repo, first.branch) != (second.name, second.repo, second.branch):
            continue
        for field in ("commit", "reference", "lazy", "empty_files"):
            if getattr(first, field) != getattr(second, field) and (first.name, field) not in seen:
                seen.add((first.name, field))
                yield (
                    "input",
                    f"the inputs named {first.name!r} read the same branch, but differ in `{field}`; give one of them another name.",
                )


@lru_cache(maxsize=256)
def _parts(template: str) -> tuple[str | int, ...]:
    """Returns a template in pieces: text, and the numbers of captures."""
    parts: list[str | int] = []
    at = 0
    for found in _REFERENCE.finditer(template):
        parts += (template[at : found.start()], "$" if found[3] else int(found[1] or found[2]))
        at = found.end()
    return (*parts, template[at:])


def _input_names(node: Input) -> Iterable[str]:
    return [leaf.name for leaf in leaves_of(node)]
