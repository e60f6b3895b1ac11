"""A Ray cluster of one node that this process starts for itself: `python -m headwater.execution.ray_head PARENT …`.

It listens on the loopback address only, for whoever reaches a port of Ray's
can run code. Ray binds what it binds to the node's address where that is
127.0.0.1, and to every interface else; the tests look at what listens. Other
users of the machine reach that address too, so it asks for a token that only
this process and its own know. Its processes get a worker's environment, not
this process's: no secrets. They end with the thread that started them.
"""

import functools
import os
import runpy
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from headwater.execution.child import die_with
from headwater.execution.errors import ClusterUnavailable
from headwater.execution.scratch import Scratch, remove_abandoned
from headwater.settings import change_variables, worker_environment

LOOPBACK = "127.0.0.1"
_START_S, _STOP_S, _POLL_S = 60.0, 5.0, 0.02
_ADDRESS = "ray_current_cluster"  # the file in which Ray writes where it listens
_STORE_BYTES = 256 * 1024**2
_LONGEST = 48  # of a folder in which Ray makes sockets; their paths may have 107 bytes
_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0"}


class RayHead:
    """A cluster of this process; start it in a thread that lives as long as it shall."""

    def __init__(self, cpus: int, *, gpus: int = 0) -> None:
        """Starts the cluster and waits until it is up.

        Raises:
            ClusterUnavailable: It did not come up.
        """
        self._scratch = _scratch()
        self._log = self._scratch.path / "start.log"
        command = [sys.executable, "-P", "-m", "headwater.execution.ray_head", str(os.getpid())]
        command += ["start", "--head", "--block", "--disable-usage-stats", "--include-dashboard=false"]
        command += [f"--node-ip-address={LOOPBACK}", "--port=0", *_client_port()]
        command += [f"--num-cpus={cpus}", f"--num-gpus={gpus}", f"--object-store-memory={_STORE_BYTES}"]
        command += [f"--temp-dir={self._scratch.path}"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this package's own program
                command,
                env=worker_environment(_ENVIRONMENT | _token()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self.address = self._address()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends the cluster and removes its files."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._scratch.close()
        remove_abandoned()  # the processes of nodes are killed, and leave their folders

    def _address(self) -> str:
        """Waits until Ray has written where it listens."""
        deadline_s = time.monotonic() + _START_S
        while time.monotonic() < deadline_s and self._process.poll() is None:
            with suppress(FileNotFoundError):
                address = (self._scratch.path / _ADDRESS).read_text(encoding="utf-8").strip()
                if address:
                    return address
            time.sleep(_POLL_S)  # Ray has no other way to tell
        log = self._log.read_text(encoding="utf-8", errors="replace")[-2000:].strip()
        raise ClusterUnavailable("Ray could not be started on this machine", why=log or "it does not answer")


def _scratch() -> Scratch:
    scratch = Scratch()
    if len(str(scratch.path)) <= _LONGEST:
        return scratch
    scratch.close()
    return Scratch(Path("/tmp"))  # noqa: S108 - a folder of our own in it


@functools.cache
def _token() -> dict[str, str]:
    """Returns the variables by which this process's clusters know it; Ray reads them once, when it is imported."""
    if "ray" in sys.modules:
        return {}
    variables = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    change_variables(variables)
    return variables


def _client_port() -> list[str]:
    """Returns the option for the server that Ray starts for clients where it can, by default on a fixed port."""
    if find_spec("grpc") is None:
        return []
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return [f"--ray-client-server-port={probe.getsockname()[1]}"]


def main(arguments: list[str]) -> None:
    """Becomes Ray's own program, which ends with the thread that started this."""
    die_with(int(arguments[0]))
    sys.argv = ["ray", *arguments[1:]]
    runpy.run_module("ray.scripts.scripts", run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
