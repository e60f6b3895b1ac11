"""The one place that prints.

Documents go to stdout: as one JSON document under `--json`, else as a table
or lines for a person. Messages and progress go to stderr.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from headwater.cli.options import Options
from headwater.telemetry import Progress, Silent

if TYPE_CHECKING:
    from rich.console import Console

    from headwater.errors import Error

_state = {"options": Options()}
_MOST_DETAILS = 20
_WIDTH = 100


def use(options: Options) -> None:
    """Sets how everything after is shown."""
    _state["options"] = options


def options() -> Options:
    """Returns how things are shown."""
    return _state["options"]


def show(document: Any) -> None:
    """Shows a document, or an iterable of them as a list."""
    import msgspec

    if options().as_json:
        if isinstance(document, Iterator):
            document = {"items": list(document), "next": None}
        elif isinstance(document, list):
            document = {"items": document, "next": None}
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
        sys.stdout.flush()
        return
    from headwater.cli.tables import render

    render(document, console())


def show_yaml(document: Any) -> None:
    """Shows a document that people keep in files: as YAML; under `--json` as what it is."""
    if options().as_json:
        show(document)
        return
    import yaml

    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=_WIDTH)
    write_bytes([text.encode()])


@contextmanager
def one_document() -> Iterator[Callable[[Any], None]]:
    """Gives a `show` for a command that has several documents; under `--json` they become one list at its end."""
    if not options().as_json:
        yield show
        return
    documents: list[Any] = []
    yield documents.append
    show(documents)


def write_bytes(parts: Iterable[bytes]) -> None:
    """Writes raw bytes to stdout."""
    for part in parts:
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


def note(text: str) -> None:
    """Tells a person something on stderr, unless `--quiet`."""
    if not options().quiet:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def fail(error: "Error") -> None:
    """Shows an error: a message and what to do next; under `--json` as the last line on stderr."""
    import msgspec

    if options().as_json:
        told = {"kind": error.kind, "message": error.message, "hint": error.hint, "details": error.details}
        sys.stderr.write(msgspec.json.encode({"error": told}).decode() + "\n")
    else:
        single = dict.fromkeys(_single(one) for one in error.details if "message" in one)
        more = [text for text in single if text.removesuffix(".") not in error.message]
        lines = [f"Error: {error.message}", *(f"  - {text}" for text in more[:_MOST_DETAILS])]
        if len(more) > _MOST_DETAILS:
            lines.append(f"  … and {len(more) - _MOST_DETAILS} more (--json has them all)")
        sys.stderr.write("\n".join([*lines, error.hint]) + "\n")
    sys.stderr.flush()


def _single(detail: dict[str, Any]) -> str:
    """Returns one mistake of several, with its row where it has one."""
    row = detail.get("row")
    return f"{'' if row is None else f'Row {row}: '}{detail['message']}"


def fail_usage(text: str, hint: str = "See `headwater --help`, or put --help behind a command.") -> None:
    """Shows that the line could not be understood."""
    import msgspec

    if options().as_json:
        told = {"kind": "usage", "message": text, "hint": hint, "details": []}
        sys.stderr.write(msgspec.json.encode({"error": told}).decode() + "\n")
    else:
        sys.stderr.write(f"Error: {text}\n{hint}\n")
    sys.stderr.flush()


def console(*, on_stderr: bool = False) -> "Console":
    """Returns a console that does not break long lines when nobody looks at them."""
    from rich.console import Console

    stream = sys.stderr if on_stderr else sys.stdout
    made = Console(file=stream, highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.soft_wrap = True
        made.width = 200
    return made


@contextmanager
def progress() -> Iterator[Progress]:
    """Gives progress: a bar on a terminal, lines otherwise, nothing under `--quiet` or `--json`."""
    if options().quiet or options().as_json:
        yield Silent()
        return
    from headwater.cli.progress import open_progress

    with open_progress(console(on_stderr=True)) as shown:
        yield shown


def abandon_stdout() -> None:
    """Leaves stdout to a reader that went away, so that closing it raises nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
