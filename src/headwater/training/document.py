"""Turns YAML or JSON text into plain values, the same for both.

YAML is read by the core schema of YAML 1.2: PyYAML follows 1.1, where the key
`on` and the value `off` are booleans, `1e-3` is a text and `1:30` is ninety,
so that `retrain: {on: data}` and `confidence: off` would not arrive as
written. A key that stands twice is a mistake, not the last one wins. Tags
that make objects are never followed.
"""

import re
from functools import cache
from typing import Any

import msgspec

from headwater.training.errors import InvalidRequest

_LIMIT = 1 << 20
_BOOL = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_INT = re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_NULL = re.compile(r"^(?:~|null|Null|NULL|)$")


def read_document(text: str | bytes) -> dict[str, Any]:
    """Returns the mapping that a YAML or JSON text holds.

    Raises:
        InvalidRequest: The text is neither, is too long, or is not a mapping.
    """
    if len(text) > _LIMIT:
        raise _mistake(f"it is longer than {_LIMIT} bytes")
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    except UnicodeDecodeError:
        raise _mistake("it is not UTF-8 text") from None
    value = _read_json(decoded) if decoded.lstrip().startswith("{") else _read_yaml(decoded)
    if not isinstance(value, dict):
        raise _mistake("it is not a mapping of fields to values")
    return value


def _read_json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return _read_yaml(text)  # `{a: b}` is YAML too, and YAML's messages name the line


def _read_yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=_loader())  # noqa: S506 - a SafeLoader with stricter scalars
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error)
        raise _mistake(f"{place}{problem}") from None
    except RecursionError:
        raise _mistake("it is nested too deeply") from None


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
        CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", pattern, None)
    CoreLoader.add_constructor("tag:yaml.org,2002:int", _integer)
    return CoreLoader


def _integer(loader: Any, node: Any) -> int:
    text = loader.construct_scalar(node)
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _mistake(message: str) -> InvalidRequest:
    return InvalidRequest(
        [{"field": "request", "message": f"the text cannot be read: {message}"}],
        hint="Write it as YAML or JSON with at least model, data and targets.",
    )
