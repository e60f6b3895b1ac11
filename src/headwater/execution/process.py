"""Starts a worker process for a workspace that has none.

The process is on its own: it survives the command that started it, leaves
when it was idle for a while, and writes its log into a file.
"""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from headwater.errors import Unavailable
from headwater.execution.roster import is_alive
from headwater.settings import worker_environment

_TAIL_BYTES = 16_384


class WorkerProcess(msgspec.Struct, frozen=True):
    """A worker that this machine runs, by its process id."""

    pid: int
    log_file: Path

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        self._reap()
        return is_alive(self.pid)

    def stop(self) -> None:
        """Asks the process to finish or give back its task and leave; does not wait."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the process at once; its task goes to another worker when the lease is over."""
        self._signal(signal.SIGKILL)

    def last_lines(self, count: int = 20) -> list[str]:
        """Returns the end of its log."""
        try:
            with self.log_file.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
                return log.read().decode(errors="replace").splitlines()[-count:]
        except FileNotFoundError:
            return []

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return

    def _reap(self) -> None:
        try:
            os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            return  # another process started it, or it is reaped already


def start_local_worker(
    *,
    log_file: Path,
    idle_exit_s: float = 30.0,
    environment: Mapping[str, str],
) -> WorkerProcess:
    """Starts `headwater worker` for a workspace and returns at once.

    Args:
        log_file: Takes what the process writes, after what is there.
        idle_exit_s: How long it stays without work.
        environment: Variables beyond those that every worker process gets; they name the workspace.

    Raises:
        Unavailable: The log cannot be written or the process not started.
    """
    command = [sys.executable, "-P", "-m", "headwater", "worker"]
    command += ["--idle-exit", f"{idle_exit_s:g}"]
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log_file), append, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    try:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        pid = os.posix_spawn(
            sys.executable, command, worker_environment(environment), file_actions=files, setsid=True
        )
    except OSError as error:
        raise Unavailable(
            f"No worker could be started ({error.strerror}), with its log in {log_file}.",
            hint="Make that file writable, or run `headwater worker` yourself.",
        ) from None
    return WorkerProcess(pid, log_file)
