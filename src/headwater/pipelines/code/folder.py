"""Takes a folder as the code of a pipeline, without what tools leave in folders.

`.headwaterignore` in it says what else to leave out, in the lines of a
.gitignore; the last line that matches a path decides, so `!name` takes back.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from headwater.errors import InvalidInput
from headwater.pipelines.code.bundle import MOST_BYTES, MOST_FILES, CodeBundle, bundle_of
from headwater.pipelines.code.errors import CodeTooLarge, CodeUncaptured

IGNORE_FILE = ".headwaterignore"
_LEFT_OUT = (
    *(".git/", ".hg/", ".svn/", ".headwater/", ".idea/", ".vscode/"),
    *(".venv/", "venv/", "node_modules/", ".tox/", ".nox/", "*.egg-info/"),
    *("__pycache__/", ".*_cache/", ".ipynb_checkpoints/", "*.py[co]"),
    *("*~", "*.swp", ".DS_Store", ".env", f"/{IGNORE_FILE}"),
)


class Rule(NamedTuple):
    """One line of an ignore file."""

    pattern: re.Pattern[str]
    folders_only: bool
    takes_back: bool


def capture_folder(path: str | Path, *, without: Iterable[Path] = ()) -> CodeBundle:
    """Returns the files below a folder, by their paths in it.

    Args:
        path: The folder.
        without: Files to leave out, such as the spec that lies beside its code.

    Raises:
        InvalidInput: There is no such folder, or a file in it cannot be read.
        CodeUncaptured: A link in it leads out of it, or to a folder.
        CodeTooLarge: It holds more than code.
    """
    root = Path(path)
    if not root.is_dir():
        raise InvalidInput(
            f"There is no folder {str(path)!r} to take code from.",
            hint="`code` names a folder, from where the spec's file lies.",
        )
    root = root.resolve()
    files: dict[str, bytes] = {}
    executable: list[str] = []
    room = MOST_BYTES
    left_out = {one.resolve() for one in without}
    for name, found in _walk(root, "", _rules(root)):
        if found in left_out:
            continue
        size = found.stat().st_size
        if size > room or len(files) == MOST_FILES:
            raise CodeTooLarge(str(path), largest=name, most_bytes=MOST_BYTES, most_files=MOST_FILES)
        room -= size
        files[name] = _read(found)
        if os.access(found, os.X_OK):
            executable.append(name)
    return bundle_of(files, executable=executable, origin=str(path))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"{str(path)!r} cannot be read: {error.strerror}.",
            hint=f"Make it readable, or name it in {IGNORE_FILE}.",
        ) from None


def _walk(root: Path, folder: str, rules: list[Rule]) -> Iterator[tuple[str, Path]]:
    with os.scandir(root / folder) as items:
        entries = sorted(items, key=lambda entry: entry.name)
    for entry in entries:
        name = f"{folder}/{entry.name}" if folder else entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if _is_left_out(name, is_folder=is_folder, rules=rules):
            continue
        if is_folder:
            yield from _walk(root, name, rules)
        elif entry.is_symlink():
            yield name, _linked(root, name)
        elif entry.is_file():
            yield name, root / name


def _linked(root: Path, name: str) -> Path:
    """Returns the file that a link leads to."""
    target = (root / name).resolve()
    if target.is_file() and target.is_relative_to(root):
        return target
    where = "to a folder" if target.is_dir() else "to nothing" if not target.exists() else "out of it"
    raise CodeUncaptured(
        str(root),
        problem=f"the link {name!r} in it leads {where}",
        hint=f"Put the files themselves there, or name the link in {IGNORE_FILE}.",
    )


def _rules(root: Path) -> list[Rule]:
    file = root / IGNORE_FILE
    lines = file.read_text("utf-8", errors="replace").splitlines() if file.is_file() else []
    return [rule for line in (*_LEFT_OUT, *lines) if (rule := read_rule(line)) is not None]


def read_rule(line: str) -> Rule | None:
    """Reads one line of an ignore file; none where it is empty or a comment.

    Raises:
        InvalidInput: It cannot be read.
    """
    text = line.rstrip()
    if not text or text.startswith("#"):
        return None
    takes_back = text.startswith("!")
    text = text.removeprefix("!").removeprefix("\\")
    folders_only = text.endswith("/")
    text = text.rstrip("/")
    anchored = "/" in text
    pattern = _translated(text.removeprefix("/"))
    try:
        compiled = re.compile(pattern if anchored else f"(?:.*/)?{pattern}")
    except re.error:
        raise InvalidInput(
            f"The line {line!r} of {IGNORE_FILE} cannot be read: a […] in it names no signs.",
            hint="A range goes upwards, as in [a-z].",
        ) from None
    return Rule(compiled, folders_only, takes_back)


def _translated(text: str) -> str:
    """Turns signs into a regular expression: `*`, `?` and `[…]` within one folder, `**` through any number."""
    out, at = [], 0
    while at < len(text):
        if text.startswith("**/", at):
            out.append("(?:.*/)?")
            at += 3
            continue
        if text.startswith("**", at):
            out.append(".*")
            at += 2
            continue
        end = text.find("]", at + 2) if text[at] == "[" else -1
        if end > 0:
            inside = text[at + 1 : end].replace("\\", "\\\\")
            out.append(f"[^{inside[1:]}]" if inside[0] == "!" else f"[{inside}]")
            at = end + 1
            continue
        out.append({"*": "[^/]*", "?": "[^/]"}.get(text[at]) or re.escape(text[at]))
        at += 1
    return "".join(out)


def _is_left_out(name: str, *, is_folder: bool, rules: list[Rule]) -> bool:
    left_out = False
    for rule in rules:
        if (is_folder or not rule.folders_only) and rule.pattern.fullmatch(name):
            left_out = not rule.takes_back
    return left_out
