"""How documents look in a notebook: a small table, with nothing but the standard library."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape


def fields_html(title: str, fields: Mapping[str, object], *more: str) -> str:
    """Returns a heading and what stands under it, one line for each field that says something."""
    told = {name: value for name, value in fields.items() if value not in (None, "", [], {}, ())}
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th><td style="text-align:left">{escape(_text(value))}</td></tr>'
        for name, value in told.items()
    )
    return f"<div><strong>{escape(title)}</strong><table>{rows}</table>{''.join(more)}</div>"


def table_html(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns a table with a row for each of several things."""
    head = "".join(f'<th style="text-align:left">{escape(heading)}</th>' for heading in headings)
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{escape(_text(cell))}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def listing_html(items: Sequence[object]) -> str:
    """Returns a table of documents of one kind: a column for each field that is one word or number somewhere."""
    if not items:
        return "<em>none</em>"
    names = getattr(type(items[0]), "__struct_fields__", ())
    shown = [name for name in names if any(_is_short(getattr(item, name)) for item in items)]
    rows = [[_cell(getattr(item, name)) for name in shown] for item in items]
    return table_html(shown, rows)


def _is_short(value: object) -> bool:
    return value not in (None, "") and (isinstance(value, str | int | float) or _writes_itself(value))


def _writes_itself(value: object) -> bool:
    return type(value).__str__ is not object.__str__ and not isinstance(value, Mapping | list | tuple)


def _cell(value: object) -> str:
    return _text(value) if _is_short(value) else "-"


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(_text(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items())
    return str(value)
