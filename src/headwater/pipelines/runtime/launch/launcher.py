"""Starts the user's programs and ends all that they started: `python -m headwater.pipelines.runtime.launch.launcher SOCKET`.

A process of one thread between the trusted side and the code of users. What
is orphaned below it becomes its child, so nothing that a program started can
get away; and when the trusted side is gone, however it ended, it ends all and
leaves. It forks, which a process with threads must not.
"""

import ctypes
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from headwater.pipelines.runtime.launch import namespace
from headwater.pipelines.runtime.launch.launches import (
    Afterwards,
    Exited,
    NotStarted,
    Probe,
    Probed,
    Program,
    Started,
    Swept,
    receive_order,
    send_reply,
)
from headwater.pipelines.runtime.launch.processes import descendants

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_FIRST_FREE = 100  # descriptors are moved out of the way of where they shall be
_KILL_S = 5.0
_AFTERWARDS_S = 20.0
_NOT_STARTED = 125
_KERNEL_TAKES_FIRST = "1000"


class Launcher:
    """One program at a time, and everything below it."""

    def __init__(self, connection: socket.socket) -> None:
        """Has started nothing yet."""
        self._connection = connection
        self._main: int | None = None
        self._afterwards: list[str] = []
        self._woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Follows orders until nobody gives them any more."""
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._woken in ready:
                self._reap()
            if self._connection.fileno() in ready and not self._obey():
                break
        self._run_afterwards()
        self._sweep()

    def _obey(self) -> bool:
        received = receive_order(self._connection)
        if received is None:
            return False
        order, descriptors = received
        match order:
            case Program():
                send_reply(self._connection, self._start(order, descriptors))
            case Probe():
                send_reply(self._connection, Probed(_probe(Path(order.root))))
            case Afterwards():
                self._afterwards = order.argv
            case _:
                self._run_afterwards()
                send_reply(self._connection, Swept(self._sweep()))
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _start(self, program: Program, descriptors: list[int]) -> Started | NotStarted:
        told, teller = os.pipe2(os.O_CLOEXEC)
        try:
            pid = os.fork()
        except OSError as error:
            os.close(told)
            os.close(teller)
            return NotStarted("fork", error.errno or 0, error.strerror or "")
        if pid == 0:
            os.close(told)
            _become(program, descriptors, teller)
        os.close(teller)
        with os.fdopen(told, "rb") as pipe:
            refusal = pipe.read().decode(errors="replace")
        if refusal:
            os.waitpid(pid, 0)
            step, number, message = refusal.split("\n", 2)
            return NotStarted(step, int(number), message)
        self._main = pid
        return Started(pid)

    def _reap(self) -> bool:
        """Takes note of what has ended; tells whether anything still runs."""
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                self._quiet()
                return False
            if pid == 0:
                self._quiet()
                return True
            if pid == self._main:
                self._main = None
                send_reply(self._connection, Exited(status, used.ru_maxrss * 1024))

    def _quiet(self) -> None:
        try:
            while os.read(self._woken, 4096):
                pass
        except BlockingIOError:
            return

    def _sweep(self) -> int:
        until_s = time.monotonic() + _KILL_S
        while self._reap():
            alive = descendants(os.getpid())
            if not alive and self._main is not None:  # a system that does not tell who started whom
                _kill(-self._main)
            for pid in alive:
                _kill(pid)
            if time.monotonic() > until_s:
                return max(1, len(alive))
            select.select([self._woken], [], [], 0.05)
        return 0

    def _end_main(self) -> None:
        until_s = time.monotonic() + _KILL_S
        if self._main is not None:
            _kill(self._main)
        while self._main is not None and time.monotonic() < until_s:
            select.select([self._woken], [], [], 0.05)
            self._reap()

    def _run_afterwards(self) -> None:
        argv, self._afterwards = self._afterwards, []
        if not argv:
            return
        self._end_main()  # else it may be starting what this is to end
        nothing = subprocess.DEVNULL
        try:
            ending = subprocess.Popen(argv, stdin=nothing, stdout=nothing, stderr=nothing)  # noqa: S603 - ours
        except OSError:
            return
        until_s = time.monotonic() + _AFTERWARDS_S
        while ending.poll() is None:
            self._reap()  # it waits for processes to be gone, and they are only when they are reaped
            if time.monotonic() > until_s:
                ending.kill()
            select.select([self._woken], [], [], 0.05)


def main(arguments: list[str]) -> None:
    """Serves the socket at the given descriptor."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    connection = socket.socket(fileno=int(arguments[0]))
    connection.set_inheritable(False)
    Launcher(connection).serve()


def _kill(pid: int) -> None:
    try:
        if pid > 0:
            os.kill(pid, signal.SIGKILL)
        else:
            os.killpg(-pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _become(program: Program, descriptors: list[int], teller: int) -> None:
    """Turns the forked process into the program; does not return."""
    step = "start"
    try:
        os.setsid()
        _signals_as_by_default()
        teller = _out_of_the_way(teller)
        _place(descriptors, program.descriptors)
        _limit(program.memory)
        if program.root:
            step = "namespace"
            namespace.enter(Path(program.root), program.binds)
        step = "folder"
        os.chdir(program.folder)
        step = "exec"
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.execve(program.argv[0], program.argv, program.environment)  # noqa: S606 - argv as the spec has it
    except OSError as error:
        told = f"{step}\n{error.errno or 0}\n{error.strerror}"
    except BaseException as error:  # noqa: BLE001 - this process has nobody else to tell
        told = f"{step}\n0\n{error}"
    os.write(teller, told.encode(errors="replace"))
    os._exit(_NOT_STARTED)


def _signals_as_by_default() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _out_of_the_way(descriptor: int) -> int:
    import fcntl

    return int(fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE))


def _place(descriptors: list[int], targets: list[int]) -> None:
    moved = [_out_of_the_way(descriptor) for descriptor in descriptors]
    for descriptor, target in zip(moved, targets, strict=True):
        os.dup2(descriptor, target, inheritable=True)
    for number in range(3, _FIRST_FREE):
        if number not in targets:
            try:
                os.set_inheritable(number, False)  # noqa: FBT003 - the function's own parameter
            except OSError:
                continue


def _limit(memory: int) -> None:
    os.umask(0o022)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    if sys.platform == "linux":
        Path("/proc/self/oom_score_adj").write_text(_KERNEL_TAKES_FIRST, encoding="utf-8")


def _probe(root: Path) -> str:
    """Tries in a process that ends at once; returns why it cannot be, empty where it can."""
    told, teller = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            namespace.enter(root, [])
            refusal = ""
        except BaseException as error:  # noqa: BLE001 - this process has nobody else to tell
            refusal = str(error) or type(error).__name__
        os.write(teller, refusal.encode(errors="replace"))
        os._exit(0)
    os.close(teller)
    with os.fdopen(told, "rb") as pipe:
        refusal = pipe.read().decode(errors="replace")
    os.waitpid(pid, 0)
    return refusal


if __name__ == "__main__":
    main(sys.argv[1:])
