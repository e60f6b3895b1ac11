"""The process in which calls run: `python -m headwater.execution.child SOCKET PARENT PIPE`.

It dies with its parent: by the kernel's parent-death signal where there is
one, and else because the socket ends, which a thread of its own listens for,
so that even a child deep in a computation goes. What it has started dies too:
a shell in its process group reads a pipe that only the parent holds open, and
ends the group when that does. Modules stay imported between calls. Standard
output and error are the pool's pipe.
"""

import ctypes
import importlib
import io
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headwater.errors import Error
from headwater.execution import wire
from headwater.settings import change_variables

_PR_SET_PDEATHSIG = 1
_ORPHANED = 113
_SHELL = "/bin/sh"


def main(arguments: list[str]) -> None:
    """Serves orders until the socket ends."""
    descriptor, parent, pipe = (int(argument) for argument in arguments)
    die_with(parent)
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - positional only; or what it starts would keep the connection open
    _guard_group(pipe)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    connection = socket.socket(fileno=descriptor)
    orders: queue.SimpleQueue[wire.Request | wire.Warm] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, orders), daemon=True).start()
    while True:
        order = orders.get()
        if isinstance(order, wire.Warm):
            _warm(order)
        else:
            reply = _run(order)
            _end_output(order.number)
            wire.send(connection, reply)


def die_with(parent: int) -> None:
    """Asks the kernel to kill this process when the thread that started it ends; it may be gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(_ORPHANED)


def _guard_group(pipe: int) -> None:
    files = [
        (os.POSIX_SPAWN_DUP2, pipe, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    os.posix_spawn(_SHELL, [_SHELL, "-c", "read _; kill -KILL 0"], {}, file_actions=files)
    os.close(pipe)


def _listen(connection: socket.socket, orders: "queue.SimpleQueue[wire.Request | wire.Warm]") -> None:
    while (order := wire.receive_order(connection)) is not None:
        orders.put(order)
    os._exit(_ORPHANED)


def _warm(order: wire.Warm) -> None:
    for target in order.targets:
        try:
            _resolve(target)
        except Exception:  # noqa: BLE001 - its call will say so
            traceback.print_exc()


def _run(request: wire.Request) -> wire.Returned | wire.Raised:
    if request.gpus is not None:
        change_variables({"CUDA_VISIBLE_DEVICES": request.gpus})
    try:
        result: object = _resolve(request.target)(request.payload, Path(request.scratch))
    except Error as error:
        text = traceback.format_exc()
        return wire.Raised(type(error).__name__, error.message, text, error.kind, error.hint, error.details)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - crosses to the caller
        return wire.Raised(type(error).__name__, str(error), traceback.format_exc())
    if not isinstance(result, bytes):
        kind = type(result).__name__
        return wire.Raised("TypeError", f"{request.target} returned {kind} instead of bytes", "")
    return wire.Returned(result)


def _resolve(target: str) -> Callable[[bytes, Path], Any]:
    module, _, name = target.partition(":")
    function: Callable[[bytes, Path], Any] = getattr(importlib.import_module(module), name)
    return function


def _end_output(number: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)  # what libraries in C printed
    os.write(1, wire.END_OF_OUTPUT + str(number).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1:])
