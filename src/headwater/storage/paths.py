"""What a path may be, and the one form that it has inside.

People write `/a/b.txt` or `a/b.txt`; trees hold `a/b.txt`. Names that two
systems could take for different files (`..`, an empty part, Unicode that is
not in normal form C) are refused here, once, so that nothing further in has
to think about them.
"""

import re
import unicodedata
from collections.abc import Iterator

from headwater.storage.errors import InvalidPath

MAX_PATH_BYTES = 1_024
MAX_PART_BYTES = 255

_PLAIN = re.compile(r"[^/.\0][^/\0]*(?:/[^/.\0][^/\0]*)*")


def normalize(path: str) -> str:
    """Returns a file's path as trees hold it, without the leading slash.

    Raises:
        InvalidPath: It is empty, absolute twice, has a part that is empty,
            `.` or `..`, a NUL, another normal form, or is too long.
    """
    inner = path.removeprefix("/")
    if len(inner) <= MAX_PART_BYTES and inner.isascii() and _PLAIN.fullmatch(inner):
        return inner
    broken = _broken_rule(inner)
    if broken:
        raise InvalidPath(path, rule=broken)
    return inner


def normalize_folder(path: str) -> str:
    """Returns a folder's path without slashes around it; empty for the folder of everything.

    Raises:
        InvalidPath: As for a file.
    """
    if path in {"", "/"}:
        return ""
    return normalize(path.removesuffix("/"))


def folder_prefix(folder: str) -> bytes:
    """Returns what the keys of all files below a normalised folder begin with."""
    return f"{folder}/".encode() if folder else b""


def prefix_end(prefix: bytes) -> bytes | None:
    """Returns the least key above all keys that begin with `prefix`; none if there is none."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else None


def folders_above(key: bytes) -> Iterator[bytes]:
    """Yields the folders that a file lies in, outermost first, as keys."""
    at = key.find(b"/")
    while at >= 0:
        yield key[:at]
        at = key.find(b"/", at + 1)


def _broken_rule(path: str) -> str | None:
    if not path:
        return "it is empty"
    if "\0" in path:
        return "it contains a NUL character"
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    if not unicodedata.is_normalized("NFC", path):
        return "it is not in Unicode normal form C"
    if len(encoded) > MAX_PATH_BYTES:
        return f"it has {len(encoded):,} bytes, more than {MAX_PATH_BYTES:,}"
    return next(filter(None, map(_broken_part, encoded.split(b"/"))), None)


def _broken_part(part: bytes) -> str | None:
    if not part:
        return "it has an empty part"
    if part in {b".", b".."}:
        return f"it has the part {part.decode()!r}"
    if len(part) > MAX_PART_BYTES:
        return f"it has a part of {len(part):,} bytes, more than {MAX_PART_BYTES}"
    return None
