"""Calls for the tests of executors: what a call may do, and what it should not."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from headwater.errors import InvalidInput
from headwater.settings import worker_environment

_MODULE = "headwater.execution.contract_calls"


def upper(payload: bytes, _: Path) -> bytes:
    """Returns the payload in capitals."""
    return payload.upper()


def pid(_: bytes, __: Path) -> bytes:
    """Returns the process's id."""
    return str(os.getpid()).encode()


def die(_: bytes, __: Path) -> bytes:
    """Is killed."""
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


def leave(_: bytes, __: Path) -> bytes:
    """Ends the process."""
    os._exit(7)


def leave_politely(_: bytes, __: Path) -> bytes:
    """Asks the interpreter to end."""
    sys.exit("enough")


def bug(_: bytes, __: Path) -> bytes:
    """Raises what is no error of ours."""
    return bytes(1 // 0)


def refuse(_: bytes, __: Path) -> bytes:
    """Raises an error of ours."""
    raise InvalidInput("Column 'x' is empty.", hint="Fill it.", details=[{"column": "x"}])


def text(_: bytes, __: Path) -> str:
    """Returns what is not bytes."""
    return "no bytes"


def modules(_: bytes, __: Path) -> bytes:
    """Returns the names of what is imported."""
    return "\n".join(sys.modules).encode()


def environment(_: bytes, __: Path) -> bytes:
    """Returns the environment as the system knows it."""
    return Path("/proc/self/environ").read_bytes().replace(b"\0", b"\n")


def devices(_: bytes, __: Path) -> bytes:
    """Returns the GPUs that it may use."""
    return worker_environment().get("CUDA_VISIBLE_DEVICES", "none").encode()


def leak(_: bytes, scratch: Path) -> bytes:
    """Leaves a file behind and returns where."""
    (scratch / "big").write_bytes(b"x")
    return str(scratch).encode()


def speak(_: bytes, __: Path) -> bytes:
    """Prints in every way there is; the last line without an end."""
    out, err = sys.stdout, sys.stderr  # what a library prints goes through these, and waits in them
    out.write("one\n")
    err.write("two\n")
    subprocess.run(["echo", "three"], check=True)  # noqa: S607 - the system's own program
    out.write("four")
    return b""


def hang(payload: bytes, _: Path) -> bytes:
    """Writes its process's id into a file and never ends."""
    Path(payload.decode()).write_text(str(os.getpid()), encoding="ascii")
    threading.Event().wait()
    return b""


def hang_with_another(payload: bytes, _: Path) -> bytes:
    """Starts a process, writes that one's id into a file, and never ends."""
    with subprocess.Popen(["sleep", "1000"]) as other:  # noqa: S607 - the system's own program
        Path(payload.decode()).write_text(str(other.pid), encoding="ascii")
        other.wait()
    return b""


def linger(payload: bytes, _: Path) -> bytes:
    """Writes a file of the payload's name, takes a moment, and returns the name in capitals."""
    Path(payload.decode()).touch()
    threading.Event().wait(0.1)
    return payload.upper()


NAMES = (
    *("upper", "pid", "die", "leave", "leave_politely", "bug", "refuse", "text", "modules", "environment"),
    *("devices", "leak", "speak", "hang", "hang_with_another", "linger"),
)
CALLS = {name: f"{_MODULE}:{name}" for name in NAMES} | {"absent": "no_such_module:f"}
