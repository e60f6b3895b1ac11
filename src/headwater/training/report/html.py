"""Writes HTML so that nothing can break out of its place.

Every text is escaped on its way in; only what this module made itself, or
what a caller marks as `Html` by name, goes in as it is. A column may well be
called `<script>`.
"""

import html


class Html(str):
    """A piece of finished HTML."""

    __slots__ = ()


def el(tag: str, *children: "str | Html | None", **attributes: str | None) -> Html:
    """Returns an element; `class_` is the attribute class, and a child or attribute that is none is left out."""
    opened = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Html(f"<{tag}{opened}>{join(*children)}</{tag}>")


def join(*children: "str | Html | None") -> Html:
    """Returns the children one after the other, texts escaped."""
    return Html("".join(_safe(child) for child in children if child is not None))


def _safe(child: "str | Html") -> str:
    return child if isinstance(child, Html) else html.escape(_visible(child))


def _visible(text: str) -> str:
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text)
