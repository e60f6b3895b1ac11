"""How documents look in a notebook: a small table, with nothing but the standard library.

Names are whatever somebody has typed, so every text is escaped. What is shown
is bounded: a cell that is evaluated must not cost a walk over a million files.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import islice

MOST_ROWS = 20
"""How many rows a table in a notebook has at most."""

_LEFT = 'style="text-align:left;padding:0 1em 0 0"'
_IDS = ("id", "commit", "set", "parent", "job", "datum", "hash")
_SIZES = ("size", "stored", "named", "unpacked")
_SHORT_ID, _LONGEST = 12, 300


class ShownFields:
    """A document that shows itself as its fields, under a heading that says what it is."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        names: Sequence[str] = getattr(self, "__struct_fields__", ())
        title = type(self).__name__.removesuffix("Info")
        return fields_html(title, {name: _named(name, getattr(self, name)) for name in names})


def fields_html(title: str, fields: Mapping[str, object], *more: str) -> str:
    """Returns a heading and what stands under it, one line for each field that says something."""
    told = {name: value for name, value in fields.items() if value not in (None, "", [], {}, ())}
    rows = "".join(
        f"<tr><th {_LEFT}>{escape(name)}</th><td {_LEFT}>{_cut(_text(value))}</td></tr>"
        for name, value in told.items()
    )
    table = f"<table>{rows}</table>" if rows else ""
    return f"<div><strong>{escape(title)}</strong>{table}{''.join(more)}</div>"


def table_html(headings: Sequence[str], rows: Iterable[Sequence[object]], *, more: str = "") -> str:
    """Returns a table with a row for each of several things, the first ones of many; `more` says where others are."""
    each = iter(rows)
    shown = list(islice(each, MOST_ROWS))
    head = "".join(f"<th {_LEFT}>{escape(heading)}</th>" for heading in headings)
    body = "".join(
        f"<tr>{''.join(f'<td {_LEFT}>{_cut(_text(cell))}</td>' for cell in row)}</tr>" for row in shown
    )
    note = more if next(each, None) is None else more or "… and more"
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return table + (f"<div><em>{escape(note)}</em></div>" if note else "")


def listing_html(items: Sequence[object], following: str | None = None) -> str:
    """Returns a table of documents of one kind: a column for each field that is one word or number somewhere.

    A type whose `shown_in_lists` names fields has these as columns.

    Args:
        items: The documents.
        following: The cursor of the next page, where there is one.
    """
    if not items:
        return "<em>none</em>"
    first = items[0]
    names: Sequence[str] = getattr(type(first), "shown_in_lists", ()) or getattr(
        type(first), "__struct_fields__", ()
    )
    shown = items[:MOST_ROWS]
    columns = [name for name in names if any(_is_short(getattr(item, name)) for item in shown)]
    rows = ([_cell(name, getattr(item, name)) for name in columns] for item in shown)
    hidden = len(items) - len(shown)
    more = f"… and {hidden} more in .items" if hidden else ""
    if following is not None:
        more = f"{more or '… and more'}; the next page: cursor={following!r}"
    return table_html(columns, rows, more=more)


def size_text(size: int | None) -> str:
    """Writes a size for a person: `4.9 kB`, with 1 kB = 1,000 bytes."""
    if size is None:
        return "-"
    number, units = float(size), ["B", "kB", "MB", "GB", "TB"]
    while number >= 1000 and len(units) > 1:
        number /= 1000
        units.pop(0)
    return f"{number:.0f} {units[0]}" if units[0] == "B" else f"{number:.1f} {units[0]}"


def _is_short(value: object) -> bool:
    return value not in (None, "") and (isinstance(value, str | int | float) or _writes_itself(value))


def _writes_itself(value: object) -> bool:
    return type(value).__str__ is not object.__str__ and not isinstance(value, Mapping | list | tuple)


def _cell(name: str, value: object) -> str:
    return _text(_named(name, value)) if _is_short(value) else "-"


def _named(name: str, value: object) -> object:
    """Returns a value as a person reads it: sizes in their unit, of ids what tells them apart."""
    if name in _SIZES and isinstance(value, int):
        return size_text(value)
    return value[:_SHORT_ID] if name in _IDS and isinstance(value, str) else value


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(_text(one) for one in value[:MOST_ROWS]) + (" …" if len(value) > MOST_ROWS else "")
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(one)}" for name, one in islice(value.items(), MOST_ROWS))
    return str(value)


def _cut(text: str) -> str:
    """Escapes a text, and leaves out what is too long for a cell."""
    return escape(text if len(text) <= _LONGEST else text[:_LONGEST] + " …")
