"""What the test kind's datums run, in processes of a pool."""

import errno
import os
import signal
import threading
from pathlib import Path

import msgspec

from headwater.errors import InvalidInput
from headwater.pipelines import datum_call


@datum_call
def count(params: bytes, inputs: Path, out: Path) -> bytes:
    stats: object = {"words": 1}
    for file in sorted((inputs / "texts").rglob("*.txt")):
        text = file.read_text()
        if "poison" in text:
            raise InvalidInput(f"{text!r} is poisoned.", hint="Commit it without the poison.")
        if "bug" in text:
            raise ZeroDivisionError("a bug")
        if "logged in" in text:
            with Path(text.split()[-1]).open("a") as log:
                log.write(f"{file.name}\n")
        if "once" in text:
            _once(text)
        if "hang" in text:
            _hang(text)
        if "long stats" in text:
            stats = {"first": 1, "long": "x" * 5_000}
        if "odd stats" in text:
            stats = [1, 2]
        (out / file.name).write_text(str(len(text.split())))
        if "collide" in text:
            (out / "same.txt").write_text("x")
        if "folder" in text:
            (out / "b.txt").mkdir()
            (out / "b.txt" / "below.txt").write_text("x")
    return msgspec.msgpack.encode(stats)


def _hang(text: str) -> None:
    pipe = Path(text.rsplit(maxsplit=1)[-1])
    marker = pipe.with_suffix(".hung")
    if "first" in text and marker.exists():
        return
    marker.touch()
    pipe.write_text("hanging")  # waits for somebody to read it
    threading.Event().wait()


def _once(text: str) -> None:
    marker = Path(text.rsplit(maxsplit=1)[-1])
    if marker.exists():
        return
    marker.touch()
    if "die" in text:
        os.kill(os.getpid(), signal.SIGKILL)
    raise OSError(errno.ENOSPC, "No space left on device", "scratch")


@datum_call
def sum(params: bytes, inputs: Path, out: Path) -> bytes:
    counts = [int(file.read_text()) for file in (inputs / "parts").rglob("*.txt")]
    total = 0
    for one in counts:
        total += one
    (out / "total.txt").write_text(str(total))
    return b""
