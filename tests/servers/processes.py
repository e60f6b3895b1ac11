"""Server processes that tests start themselves: free ports, waiting for an answer, no orphans."""

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

_PR_SET_PDEATHSIG = 1
_GRPC_OFFSET = 10_000  # some servers open each port P and P + 10,000


def free_ports(count: int) -> list[int]:
    """Returns ports nobody listens on now, nor on the ports 10,000 above."""
    held: list[socket.socket] = []
    ports: list[int] = []
    try:
        while len(ports) < count:
            first = _bound(0, held)
            if first is not None and first + _GRPC_OFFSET < 65_536 and _bound(first + _GRPC_OFFSET, held):
                ports.append(first)
    finally:
        for one in held:
            one.close()
    return ports


def start(
    command: Sequence[str], log: Path, environment: Mapping[str, str], *, user: str | None = None
) -> "subprocess.Popen[bytes]":
    """Starts a server that ends with this process, however this process ends; as another user where named."""
    libc = ctypes.CDLL(None)

    def die_with_parent() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            preexec_fn=die_with_parent,  # noqa: PLW1509 - nothing but one system call
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Ends a server and whatever it started, at once."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def until_ready(
    process: "subprocess.Popen[bytes]", is_ready: Callable[[], bool], log: Path, limit_s: float
) -> None:
    """Waits until a server answers.

    Raises:
        RuntimeError: It ended or did not answer in time; with the end of its log.
    """
    deadline = time.monotonic() + limit_s
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            stop(process)
            raise RuntimeError(f"{process.args!r} does not answer:\n{log.read_text()[-3000:]}")
        time.sleep(0.02)  # waits for a server that has no other way to tell


def no_server(name: str, line: str) -> None:
    """Skips what needs a server that is not installed, with the line that installs it; a failure under CI."""
    reason = f"{name} is not installed; install it with: {line}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _bound(port: int, held: list[socket.socket]) -> int | None:
    one = socket.socket()
    try:
        one.bind(("127.0.0.1", port))
    except OSError:
        one.close()
        return None
    held.append(one)
    bound: int = one.getsockname()[1]
    return bound
