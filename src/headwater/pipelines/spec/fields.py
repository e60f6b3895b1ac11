"""Reads the fields of a document one by one and keeps every mistake, so that all are told at once."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from headwater.errors import Error, did_you_mean
from headwater.pipelines.errors import InvalidSpec
from headwater.pipelines.spec.document import Document, Place

T = TypeVar("T")
_UPPER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LARGEST = 2**31 - 1  # what every column for a number takes


class Reading:
    """One document while it is read: its mistakes, and what its author should know."""

    def __init__(self, document: Document, number: int = 1, of: int = 1, *, origin: str = "") -> None:
        """Takes the document, which of how many it is, and where it comes from."""
        self.document = document
        self.mistakes: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self._prefix = f"document {number}, " if of > 1 else ""
        self._number = number
        self._origin = origin

    def mistake(self, place: Place, message: str) -> None:
        """Keeps a mistake."""
        lines = self.document.lines
        line = next((lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in lines), None)
        found: dict[str, Any] = {"field": self._prefix + (shown(place) or "spec"), "message": message}
        found["document"] = self._number
        if line is not None:
            found["line"] = line
        if self._origin:
            found["file"] = self._origin
        self.mistakes.append(found)

    def note(self, place: Place, message: str) -> None:
        """Keeps something that is no mistake and that the author should know."""
        self.notes.append(f"{self._prefix}{shown(place)}: {message}")

    def tried(self, place: Place, read: Callable[[Any], T], value: Any, default: T) -> T:
        """Returns what a reader makes of a value; its refusal is a mistake."""
        try:
            return read(value)
        except Error as error:
            self.mistake(place, f"{error.message} {error.hint}")
        except (ValueError, OverflowError) as error:
            self.mistake(place, f"{value!r} cannot be used: {error}")
        return default


class Fields:
    """The fields of one mapping; reading one that has the wrong type keeps a mistake and gives the default."""

    def __init__(
        self, reading: Reading, value: Any, place: Place, known: Iterable[str], *, camel: bool = False
    ) -> None:
        """Keeps a mistake for each field that is not known; `camel` reads `datumTries` as `datum_tries`."""
        self.reading, self.place = reading, place
        self._values: dict[str, Any] = {}
        self._written: dict[str, str] = {}
        if not isinstance(value, Mapping):
            reading.mistake(place, f"a mapping of fields to values is expected, not {a_kind(value)}")
            return
        names = list(known)
        for written, inner in value.items():
            name = snake(str(written)) if camel else str(written)
            if name not in names:
                hint = did_you_mean(snake(name), names)
                reading.mistake((*place, str(written)), f"is not a field here. {hint}".rstrip())
            elif name in self._values:
                reading.mistake(
                    (*place, str(written)), f"stands beside {self._written[name]!r}: write one of them"
                )
            elif inner is not None:
                self._values[name], self._written[name] = inner, str(written)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def names(self) -> list[str]:
        """Returns the fields that are there, in the order in which they were written."""
        return list(self._values)

    def at(self, name: str) -> Place:
        """Returns the place of a field, as it was written."""
        return (*self.place, self._written.get(name, name))

    def raw(self, name: str, default: Any = None) -> Any:
        """Returns a field's value as it is."""
        return self._values.get(name, default)

    def mistake(self, name: str, message: str) -> None:
        """Keeps a mistake about a field."""
        self.reading.mistake(self.at(name), message)

    def text(self, name: str, default: str = "", *, read: Callable[[str], str] | None = None) -> str:
        """Returns a text, after `read` where that is given."""
        if name not in self._values:
            return default
        found = self._text(self.at(name), self._values[name])
        if found is None:
            return default
        return found if read is None else self.reading.tried(self.at(name), read, found, default)

    def texts(self, name: str) -> tuple[str, ...]:
        """Returns a list of texts."""
        value = self._values.get(name, ())
        if isinstance(value, str) or not isinstance(value, Sequence):
            self.mistake(name, f"a list is expected, not {a_kind(value)}")
            return ()
        found = (self._text((*self.at(name), at), inner) for at, inner in enumerate(value))
        return tuple(one for one in found if one is not None)

    def wholes(self, name: str) -> tuple[int, ...]:
        """Returns a list of whole numbers."""
        value = self._values.get(name, ())
        if isinstance(value, int) and not isinstance(value, bool):
            return (value,)
        if isinstance(value, str) or not isinstance(value, Sequence):
            self.mistake(name, f"a list of whole numbers is expected, not {a_kind(value)}")
            return ()
        found = (self._whole((*self.at(name), at), inner) for at, inner in enumerate(value))
        return tuple(one for one in found if one is not None)

    def pairs(self, name: str) -> dict[str, str]:
        """Returns a mapping of names to texts."""
        value = self._values.get(name, {})
        if not isinstance(value, Mapping):
            self.mistake(name, f"a mapping of names to texts is expected, not {a_kind(value)}")
            return {}
        read = {str(key): self._text((*self.at(name), str(key)), inner) for key, inner in value.items()}
        return {key: text for key, text in read.items() if text is not None}

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Returns true or false."""
        value = self._values.get(name, default)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        self.mistake(name, f"true or false is expected, not {a_kind(value)}")
        return default

    def whole(self, name: str, default: int = 0, *, least: int | None = 0) -> int:
        """Returns a whole number, which may be written as a text."""
        if name not in self._values:
            return default
        found = self._whole(self.at(name), self._values[name])
        if found is not None and least is not None and found < least:
            self.mistake(name, f"{found} is less than {least}")
            return default
        return default if found is None else found

    def measured(
        self, name: str, read: Callable[[float | str], T], default: T, *, above: float | None = None
    ) -> T:
        """Returns a number with a unit, as `read` understands it."""
        value = self._values.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            self.mistake(name, f"a number or a text is expected, not {a_kind(value)}")
            return default
        found = self.reading.tried(self.at(name), read, value, default)
        if isinstance(found, int | float) and found is not default:
            least = 0.0 if above is None else above
            if not (found > least or (above is None and found == 0)) or found == float("inf"):
                self.mistake(
                    name,
                    f"{value!r} is not a number above {above:g}"
                    if above is not None
                    else f"{value!r} is less than 0",
                )
                return default
        return found

    def choice(self, name: str, options: Sequence[str], default: str) -> str:
        """Returns one of the options."""
        found = self.text(name, default)
        if found in options or found == default:
            return found
        self.mistake(name, f"{found!r} is none of {', '.join(options)}. {did_you_mean(found, options)}")
        return default

    def section(self, name: str, known: Iterable[str], *, camel: bool = False) -> "Fields":
        """Returns the fields of a mapping within this one."""
        return Fields(self.reading, self._values.get(name, {}), self.at(name), known, camel=camel)

    def _text(self, place: Place, value: Any) -> str | None:
        if isinstance(value, str):
            if "\0" in value:  # nothing that programs are given can hold one
                self.reading.mistake(place, "holds a zero byte: leave it out")
                return None
            return value
        written = self.reading.document.scalars.get(place)
        if written is not None and value is not None:
            return written
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        self.reading.mistake(place, f"a text is expected, not {a_kind(value)}")
        return None

    def _whole(self, place: Place, value: Any) -> int | None:
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) > _LARGEST:
            self.reading.mistake(place, f"no number here is larger than {_LARGEST}")
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and re.fullmatch(r"[-+]?\d{1,18}", value.strip()):
            return int(value)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        self.reading.mistake(place, f"a whole number is expected, not {value!r}")
        return None


def refuse(
    readings: Iterable[Reading],
    *,
    what: str = "The spec",
    hint: str = "Mend what is named; docs/pipeline-spec.md has every field.",
) -> None:
    """Tells the mistakes of all documents at once, if there are any.

    Args:
        readings: What was read of each document.
        what: What they are, for the sentence.
        hint: What to do about mistakes.

    Raises:
        InvalidSpec: There are; `details` has one entry per mistake.
    """
    details = [mistake for reading in readings for mistake in reading.mistakes]
    if not details:
        return
    lines = [_line(one) for one in details]
    message = f"{what} has a mistake: {lines[0]}"
    if len(lines) > 1:
        message = "\n- ".join([f"{what} has {len(lines)} mistakes:", *lines])
    raise InvalidSpec(message, hint=hint, details=details)


def _line(mistake: Mapping[str, Any]) -> str:
    where = f" (line {mistake['line']})" if "line" in mistake else ""
    return f"{mistake['field']}{where}: {mistake['message']}"


def shown(place: Place) -> str:
    """Returns a place as people read it: `input.cross[1].files.glob`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def snake(name: str) -> str:
    """Returns `datumTries` as `datum_tries`."""
    return _UPPER.sub("_", name).lower()


def a_kind(value: Any) -> str:
    """Returns what a value is, for a sentence."""
    for kinds, words in (
        (str, "a text"),
        (bool, "true or false"),
        ((int, float), "a number"),
        (Mapping, "a mapping"),
        (Sequence, "a list"),
        (type(None), "nothing"),
    ):
        if isinstance(value, kinds):
            return words
    return f"a {type(value).__name__}"
