"""The XML that S3 speaks: written from nested values, read into a plain tree.

Elements are pairs of a name and a value: a text, a number, or a list of
pairs. What clients send is small, has no document type, and is read by the
names of its elements alone.
"""

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from headwater.gateway.errors import S3Refusal

Element = tuple[str, "Value"]
Value = str | int | bool | Sequence[Element]

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_ESCAPED = re.compile(r"[&<>\"\x00-\x1f\x7f]")
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def document(name: str, elements: Sequence[Element], *, namespace: bool = True) -> bytes:
    """Returns a whole document with this root."""
    opening = f'{name} xmlns="{_NAMESPACE}"' if namespace else name
    inner = "".join(map(_write, elements))
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{opening}>{inner}</{name}>'
    return text.encode("utf-8", "replace")


def parse(data: bytes, root: str) -> ET.Element:
    """Returns the root element of what a client sent, its names without namespace.

    Raises:
        S3Refusal: It is no XML, or has another root.
    """
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise S3Refusal("MalformedXML", "The document must have no document type.")
    try:
        found = ET.fromstring(data)  # noqa: S314 - short, and without entities
    except ET.ParseError as error:
        raise S3Refusal("MalformedXML", f"The body is no XML: {error}.") from None
    for element in found.iter():
        element.tag = element.tag.rpartition("}")[2]
    if found.tag != root:
        raise S3Refusal("MalformedXML", f"The body must be a {root}.")
    return found


def text_of(element: ET.Element, name: str) -> str | None:
    """Returns the text of a child, none where it is not there."""
    child = element.find(name)
    return None if child is None else (child.text or "")


def _write(element: Element) -> str:
    name, value = element
    if isinstance(value, bool):
        inner = "true" if value else "false"
    elif isinstance(value, int):
        inner = str(value)
    elif isinstance(value, str):
        inner = _ESCAPED.sub(lambda found: _NAMED.get(found[0], f"&#x{ord(found[0]):x};"), value)
    else:
        inner = "".join(map(_write, value))
    return f"<{name}>{inner}</{name}>"
