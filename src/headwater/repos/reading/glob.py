r"""Glob patterns over paths, read in such a way that only what can match is looked at.

    /*.csv          in the top folder          /2026/**        everything below 2026
    /**/*.csv       in any folder              /(*)-(*).txt    with two captures
    /{a,b}/?.txt    in a or b                  /data/          the folder itself

`*`, `?`, `[a-z]`, `[!a-z]` and `{a,b}` stay within one folder; `**` goes
through any number of them, none included; `(…)` captures what it matched, with
`|` between alternatives; `\` takes the next sign as it is. Files and folders
match alike; a pattern that ends with `/` means folders only.

A pattern is cut at its slashes. A part without signs is descended into without
listing, one with signs bounds the listing by the letters before the first
sign, and from a part with `**` on everything below is streamed.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

import msgspec

from headwater.repos.errors import InvalidGlob
from headwater.repos.reading.matching import Pattern, Step, Ways, either, many, sign

_MOST_BRACKETS = 50  # of one in another
_NO_SLASH = re.compile("[^/]")
_SIGNS = frozenset("*?[{(")


class Part(msgspec.Struct, frozen=True):
    """What a pattern says about one level: letters all names begin with, and the pattern of the whole name.

    `literal` is a name that has no signs in it; a deep part may reach
    through several levels, so nothing is said about single names.
    """

    begin: str
    pattern: Pattern | None
    literal: bool = False
    deep: bool = False


class Glob(msgspec.Struct, frozen=True):
    """A pattern that was read: its parts by level, and the whole of it for paths without leading slash."""

    text: str
    parts: tuple[Part, ...]
    whole: Pattern
    folders_only: bool

    def match(self, path: str) -> tuple[str, ...] | None:
        """Returns what the path's captures hold; none where it does not match."""
        return self.whole.captured(path)


@lru_cache(maxsize=256)
def read_glob(text: str) -> Glob:
    """Reads a pattern.

    Raises:
        InvalidGlob: A bracket is not closed, or a part between two slashes is empty.
    """
    body = unicodedata.normalize("NFC", text).removeprefix("/")
    folders_only = body.endswith("/") or not body
    body = body.removesuffix("/")
    pieces = _cut(text, body) if body else []
    parts = tuple(_part(text, piece) for piece in pieces)
    return Glob(text, parts, _Translation(text, body).whole(), folders_only)


def _cut(text: str, body: str) -> list[str]:
    """Cuts at the slashes that stand in no bracket."""
    pieces, begin, depth, at = [], 0, 0, 0
    while at < len(body):
        sign = body[at]
        if sign == "\\":
            at += 1
        elif sign == "[":
            at = _class_end(text, body, at)
        elif sign in "{(":
            depth += 1
        elif sign in "})":
            depth -= 1
        elif sign == "/" and depth == 0:
            pieces.append(body[begin:at])
            begin = at + 1
        at += 1
    pieces.append(body[begin:])
    if not all(pieces):
        raise InvalidGlob(text, problem="nothing stands between two slashes")
    return pieces


def _part(text: str, piece: str) -> Part:
    begin, signs = _letters(piece)
    if not signs:
        return Part(begin, None, literal=True)
    if "**" in piece or "/" in piece:
        return Part(begin, None, deep=True)
    return Part(begin, _Translation(text, piece).whole())


def _letters(piece: str) -> tuple[str, bool]:
    """Returns the letters before the first sign, and whether there is one."""
    letters: list[str] = []
    at = 0
    while at < len(piece):
        if piece[at] in _SIGNS:
            return "".join(letters), True
        if piece[at] == "\\" and at + 1 < len(piece):
            at += 1
        letters.append(piece[at])
        at += 1
    return "".join(letters), False


def _class_end(text: str, body: str, at: int) -> int:
    """Returns where the class that opens at `at` closes; a `]` in first place is one of its members."""
    end = at + 1
    if body[end : end + 1] in ("!", "^"):
        end += 1
    end = body.find("]", end + 1)
    if end < 0:
        raise InvalidGlob(text, problem="a [ is not closed")
    return end


class _Bracket(NamedTuple):
    """A bracket that is open: its sign, the steps of its alternatives, and the number of its capture."""

    sign: str
    choices: list[list[Step]]
    group: int = 0


class _Translation:
    """Turns a pattern, sign by sign, into a regular expression and into the steps that mean the same."""

    def __init__(self, text: str, body: str) -> None:
        self._text, self._body, self._at = text, body, 0
        self._open = [_Bracket("", [[]])]
        self._groups, self._ways = 0, Ways()

    def whole(self) -> Pattern:
        out: list[str] = []
        while self._at < len(self._body):
            out.append(self._sign(self._body[self._at]))
            self._at += 1
        if len(self._open) > 1:
            raise InvalidGlob(self._text, problem=f"a {self._open[-1].sign} is not closed")
        return Pattern("".join(out), self._open[0].choices[0], self._ways.longest())

    def _sign(self, sign: str) -> str:
        match sign:
            case "*":
                return self._stars()
            case "?":
                return self._one("[^/]", _NO_SLASH)
            case "[":
                return self._class()
            case "\\":
                return self._escaped()
            case "{" | "(" | "}" | ")" | "," | "|":
                return self._group(sign)
            case "/" if len(self._open) == 1:
                self._ways.slash()
        return self._letter(sign)

    def _add(self, *steps: Step) -> None:
        self._open[-1].choices[-1].extend(steps)

    def _letter(self, letter: str) -> str:
        self._add(*sign(letter))
        return re.escape(letter)

    def _one(self, expression: str, test: re.Pattern[str]) -> str:
        self._add(*sign(test))
        return expression

    def _group(self, sign: str) -> str:
        if sign in "{(":
            if len(self._open) > _MOST_BRACKETS:
                raise InvalidGlob(
                    self._text, problem=f"more than {_MOST_BRACKETS} brackets stand in one another"
                )
            self._open.append(_Bracket(sign, [[]], self._groups))
            self._groups += sign == "("
            return "(" if sign == "(" else "(?:"
        if sign in "})":
            if self._open[-1].sign != {"}": "{", ")": "("}[sign]:
                raise InvalidGlob(self._text, problem=f"a {sign} closes nothing")
            self._close(self._open.pop())
            return ")"
        if self._open[-1].sign == ("{" if sign == "," else "("):
            self._open[-1].choices.append([])
            return "|"
        return self._letter(sign)

    def _close(self, bracket: _Bracket) -> None:
        steps = either(bracket.choices)
        self._ways.choices(len(bracket.choices))
        if bracket.sign == "(":
            steps = [Step("note", to=2 * bracket.group), *steps, Step("note", to=2 * bracket.group + 1)]
        self._add(*steps)

    def _stars(self) -> str:
        body, at = self._body, self._at
        deep = body[at : at + 2] == "**"
        self._ways.star(deep=deep)
        if not deep:
            self._add(*many(sign(_NO_SLASH)))
            return "[^/]*"
        end = at + 2
        while body[end : end + 1] == "*":
            end += 1
        begins_part = at == 0 or body[at - 1] == "/"
        if begins_part and body[end : end + 1] == "/":
            self._at = end
            self._add(*many([*sign(_NO_SLASH), *many(sign(_NO_SLASH)), *sign("/")]))
            return "(?:[^/]+/)*"
        self._at = end - 1
        if begins_part and end == len(body):
            self._add(*sign(None), *many(sign(None)))
            return ".+"
        self._add(*many(sign(None)))
        return ".*"

    def _class(self) -> str:
        end = _class_end(self._text, self._body, self._at)
        inside = self._body[self._at + 1 : end]
        self._at = end
        negated = inside[:1] in ("!", "^")
        members = re.sub(r"([\\\]\[^&~|])", r"\\\1", inside[1:] if negated else inside)
        expression = f"(?!/)[{'^' if negated else ''}{members}]"
        try:
            return self._one(expression, re.compile(expression))
        except re.error:
            raise InvalidGlob(self._text, problem=f"[{inside}] names no signs") from None

    def _escaped(self) -> str:
        self._at += 1
        if self._at == len(self._body):
            raise InvalidGlob(self._text, problem=r"nothing stands behind the last \ ")
        return self._letter(self._body[self._at])
