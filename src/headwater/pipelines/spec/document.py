"""Turns YAML or JSON text into plain values, and remembers where each stood.

YAML is read by the core schema of YAML 1.2: PyYAML follows 1.1, where the key
`on` is a boolean and `1:30` is ninety. A key that stands twice is a mistake,
not the last one wins; tags that make objects and aliases are refused. A text
may hold several documents: parted by `---` in YAML, one after the other or in
an array in JSON.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from headwater.pipelines.errors import InvalidSpec

Place = tuple[str | int, ...]

MOST_CHARACTERS = 1 << 20
_BOOL = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_INT = re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_NULL = re.compile(r"^(?:~|null|Null|NULL|)$")
_BEFORE, _BETWEEN = re.compile(r"\s*"), re.compile(r"[\s,]*")
_TAG = "tag:yaml.org,2002:"
_TOO_LONG = "a number has too many digits"


@dataclass(frozen=True)
class Document:
    """One document: its value, the line of each place, and what stood there where that is no text."""

    value: Any
    lines: dict[Place, int] = field(default_factory=dict)
    scalars: dict[Place, str] = field(default_factory=dict)


def read_documents(text: str | bytes, *, in_lists: bool = True) -> list[Document]:
    """Returns the documents of a text, empty ones left out.

    Args:
        text: YAML or JSON.
        in_lists: Whether a list at the top is a list of documents.

    Raises:
        InvalidSpec: The text is neither YAML nor JSON, or too long.
    """
    if len(text) > MOST_CHARACTERS:
        raise _unreadable(f"it is longer than {MOST_CHARACTERS} bytes")
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    except UnicodeDecodeError:
        raise _unreadable("it is not UTF-8 text") from None
    try:
        found = _read_json(decoded) if decoded.lstrip()[:1] in {"{", "["} else _read_yaml(decoded)
    except RecursionError:
        raise _unreadable("it is nested too deeply") from None
    return [inner for one in found for inner in _items(one)] if in_lists else found


def _read_json(text: str) -> list[Document]:
    decoder = json.JSONDecoder(object_pairs_hook=_without_repetition, parse_constant=_no_constant)
    values: list[Any] = []
    at = 0
    try:
        while at < len(text):
            gap = (_BETWEEN if values else _BEFORE).match(text, at)
            at = at if gap is None else gap.end()
            if at == len(text):
                break
            value, at = decoder.raw_decode(text, at)
            values.append(value)
    except json.JSONDecodeError as error:
        try:
            return _read_yaml(text)  # `{a: b}` is YAML too
        except InvalidSpec:
            problem = f"line {error.lineno}, column {error.colno}: {error.msg}"
            raise _unreadable(problem) from None
    except ValueError:
        raise _unreadable(_TOO_LONG) from None
    return [Document(value) for value in values]


def _no_constant(name: str) -> float:
    raise _unreadable(f"{name} is no number of JSON")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _unreadable(f"the field {twice!r} stands twice in one object")
    return found


def _read_yaml(text: str) -> list[Document]:
    import yaml

    try:
        loader = _loader()(text)
        try:
            documents = []
            while loader.check_node():
                documents.append(_document(loader, loader.get_node()))
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
        raise _unreadable(f"{place}{getattr(error, 'problem', None) or error}") from None
    return [one for one in documents if one.value is not None]


def _items(document: Document) -> Iterator[Document]:
    """Yields the documents of a list of them."""
    if not isinstance(document.value, list):
        yield document
        return
    for number, value in enumerate(document.value):
        yield Document(value, _below(document.lines, number), _below(document.scalars, number))


def _below(places: dict[Place, Any], number: int) -> dict[Place, Any]:
    return {place[1:]: found for place, found in places.items() if place[:1] == (number,)}


def _document(loader: Any, root: Any) -> Document:
    document = Document(loader.construct_document(root))
    _note_places(root, (), document)
    return document


def _note_places(node: Any, place: Place, document: Document) -> None:
    import yaml

    document.lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, key.value)
            document.lines[inner] = key.start_mark.line + 1
            _note_places(value, inner, document)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _note_places(value, (*place, number), document)
    elif node.tag != f"{_TAG}str":
        document.scalars[place] = node.value


@cache
def _loader() -> Any:
    import yaml

    class CoreLoader(yaml.SafeLoader):
        """SafeLoader with the scalars of YAML 1.2 and without repeated keys or aliases."""

        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own attribute, replaced

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # as in its stubs
                raise yaml.composer.ComposerError(
                    None, None, "aliases (*) are not read here", event.start_mark
                )
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - PyYAML's own signature
            seen = set()
            for key, _ in node.value:
                plain = isinstance(key, yaml.ScalarNode)
                if not plain or key.value in seen:
                    problem = (
                        f"the field {key.value!r} stands twice" if plain else "a field's name is not a text"
                    )
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    for tag, pattern in (("bool", _BOOL), ("int", _INT), ("float", _FLOAT), ("null", _NULL)):
        CoreLoader.add_implicit_resolver(f"{_TAG}{tag}", pattern, None)
    CoreLoader.add_constructor(f"{_TAG}int", _integer)
    return CoreLoader


def _integer(loader: Any, node: Any) -> int:
    import yaml

    text = loader.construct_scalar(node)
    try:
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    except ValueError:
        raise yaml.constructor.ConstructorError(None, None, _TOO_LONG, node.start_mark) from None


def _unreadable(problem: str) -> InvalidSpec:
    message = f"the text cannot be read: {problem}"
    return InvalidSpec(
        f"The spec cannot be used: {message}.",
        hint="Write it as YAML or JSON; docs/pipeline-spec.md has every field.",
        details=[{"field": "spec", "message": message}],
    )
