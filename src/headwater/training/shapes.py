"""Builds a struct from plain values and reports every mistake, not the first.

msgspec's own `convert` stops at the first wrong value. A request is written
by hand, and whoever wrote it wants to mend it once, so this walks the struct
field by field, lets msgspec judge each value, and names unknown fields with
the one that was probably meant.
"""

import re
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from headwater.errors import did_you_mean

S = TypeVar("S", bound=msgspec.Struct)
Problem = dict[str, Any]

_PLACE = re.compile(r" - at `\$(?P<place>[^`]*)`$")
_TYPES = re.compile(r"`([^`]*)`")
_WORDS = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "null": "nothing",
    "object": "a mapping",
    "str": "a text",
}


def build(raw: Mapping[str, Any], shape: type[S], problems: list[Problem], place: str = "") -> S | None:
    """Returns the struct that the mapping describes, or none when `problems` has grown."""
    before = len(problems)
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    problems += [
        _problem(_join(place, str(name)), f"is not a known field. {did_you_mean(str(name), fields)}")
        for name in raw
        if name not in fields
    ]
    values = {}
    for name, field in fields.items():
        if name in raw:
            values[field.name] = _value(raw[name], field.type, problems, _join(place, name))
        elif field.required:
            problems.append(_problem(_join(place, name), "is missing."))
    return shape(**values) if len(problems) == before else None


def _value(raw: Any, kind: Any, problems: list[Problem], place: str) -> Any:
    struct = _struct_in(kind)
    if struct is not None and isinstance(raw, Mapping):
        return build(raw, struct, problems, place)
    inner = _element(kind, dict)
    if inner is not None and isinstance(raw, Mapping):
        return {str(key): _value(item, inner, problems, _join(place, str(key))) for key, item in raw.items()}
    inner = _element(kind, tuple)
    if inner is not None and isinstance(raw, list | tuple):
        return tuple(_value(item, inner, problems, f"{place}[{number}]") for number, item in enumerate(raw))
    return _plain(raw, kind, problems, place)


def _plain(raw: Any, kind: Any, problems: list[Problem], place: str) -> Any:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        text = str(error)
        match = _PLACE.search(text)
        where = place + (match["place"] if match else "")
        problems.append(_problem(where, _sentence(_PLACE.sub("", text), raw, kind)))
        return None


def _sentence(text: str, raw: Any, kind: Any) -> str:
    if text.startswith("Invalid enum value"):
        choices = [
            str(choice)
            for literal in _choices(kind)
            if get_origin(literal) is Literal
            for choice in get_args(literal)
        ]
        return f"cannot be {raw!r}. It is one of {', '.join(choices)}. {_meant(raw, choices)}".rstrip()
    text = _TYPES.sub(
        lambda found: " or ".join(_WORDS.get(name, name) for name in found[1].split(" | ")), text
    )
    return f"{text[0].lower()}{text[1:]}."


def _meant(raw: Any, choices: list[str]) -> str:
    sentence = did_you_mean(str(raw), choices)
    return sentence if sentence.startswith("Did") else ""


def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    for choice in _choices(kind):
        if isinstance(choice, type) and issubclass(choice, msgspec.Struct):
            return choice
    return None


def _element(kind: Any, container: type) -> Any:
    for choice in _choices(kind):
        if get_origin(choice) is container:
            inner = get_args(choice)[-1 if container is dict else 0]
            return inner if _struct_in(inner) is not None else None
    return None


def _choices(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _problem(field: str, message: str) -> Problem:
    return {"field": field, "message": message}
