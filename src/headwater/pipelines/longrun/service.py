"""Services: processes that answer on a port of this machine, with the newest commit of their inputs.

When an input gets a commit, another process is started on a port of its own,
waited for until that port answers, and only then the old one is ended. Where
the spec fixes the port, the old one is ended first. One that ends before it
answers takes nothing away: the old one goes on, and it is tried again later.
"""

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from headwater.errors import Error
from headwater.pipelines.longrun.layout import Layout
from headwater.pipelines.longrun.parts import Parts
from headwater.pipelines.longrun.process import Process
from headwater.pipelines.longrun.program import order_of
from headwater.pipelines.longrun.protocol import HOST, Told
from headwater.pipelines.longrun.running import BackOff, Hold, LongRunHandler, Run
from headwater.pipelines.longrun.store import Watched
from headwater.pipelines.spec import FilesInput
from headwater.repos import Commit

GRACE_S = 30.0  # how long a process may take until its port answers
_CHECK_S, _CONNECT_S, _HANG_UP_S = 2.0, 0.5, 0.1
_STARTING_S, _QUIET_S = 0.02, 0.25

Inputs = Mapping[str, tuple[FilesInput, Commit]]


class ServiceHandler(LongRunHandler):
    """Handles tasks of the kind `service`."""

    kind = "service"

    def _begin(self, row: Watched, home: Path, hold: Hold, woken: threading.Event) -> Run:
        return ServiceRun(self._parts, row, home, hold, woken, self._back_off_s)


class _Serving(NamedTuple):
    """A process with what it was started on."""

    process: Process
    port: int
    commits: tuple[str, ...]


class ServiceRun(Run):
    """A service at one version."""

    def __init__(
        self, parts: Parts, row: Watched, home: Path, hold: Hold, woken: threading.Event, back_off_s: float
    ) -> None:
        """Has no process yet."""
        super().__init__(parts, row, home, hold, woken)
        self._layouts = [Layout(home / name, parts.storage, parts.repos) for name in ("inputs-1", "inputs-2")]
        self._back_off = BackOff(parts.clock, back_off_s)
        self._serving: _Serving | None = None
        self._coming: _Serving | None = None
        self._wanted: Inputs | None = None
        self._state = ""
        self._checked_s = 0.0

    def step(self, *, changed: bool) -> float:
        """Starts what is to be started, and replaces, restarts and checks what runs."""
        if self._coming is not None:
            self._wait_for(self._coming)
        if self._serving is not None:
            self._look_after(self._serving)
        if changed:
            self._wanted = self._heads()
        wanted = self._wanted
        if wanted is None:
            self._show("waiting")
        elif self._coming is None and self._back_off.is_due and self._is_news(wanted):
            self._start(wanted)
        return _STARTING_S if self._coming is not None else _QUIET_S

    def close(self, *, at_once: bool) -> None:
        """Ends the processes."""
        for one in (self._coming, self._serving):
            if one is not None:
                if at_once:
                    one.process.kill()
                else:
                    one.process.stop()
        self._coming = self._serving = None

    # --- what it reads ---

    def _heads(self) -> Inputs | None:
        """Returns the newest commit of each input; none while one has none."""
        found: dict[str, tuple[FilesInput, Commit]] = {}
        repos = self.parts.repos
        with self.parts.catalog.read() as conn:
            for item in self.spec.inputs():
                head = item.commit or repos.head(conn, item.repo, item.branch)
                if head is None:
                    return None
                found[item.name] = (item, repos.commit_by_id(head, conn=conn))
        return found

    def _is_news(self, wanted: Inputs) -> bool:
        return self._serving is None or self._serving.commits != _ids(wanted)

    # --- the process ---

    def _start(self, wanted: Inputs) -> None:
        fixed = 0 if self.spec.service is None else self.spec.service.port
        layout = self._layouts[0]
        try:
            layout.bring(wanted, self.hold.look)
            if fixed and self._serving is not None:
                self._end(self._serving)
                self._serving = None
            port = fixed or _free_port()
            self._coming = _Serving(self._run(layout.folder, wanted, port), port, _ids(wanted))
        except Error as error:
            self._failed(error.message, 0.0)
            return
        self.log.say(f"started, version {self.row.version}, port {port}")
        if self._serving is None:
            self._show("starting", port=port)

    def _run(self, folder: Path, wanted: Inputs, port: int) -> Process:
        told = Told(str(folder), inputs=tuple(wanted), port=port)
        variables = self.variables | {
            "HEADWATER_INPUT": str(folder),
            "HEADWATER_HOST": HOST,
            "HEADWATER_PORT": str(port),
            "PORT": str(port),
        }
        for name, (_, commit) in wanted.items():
            variables |= {name: str(folder / name), f"{name}_COMMIT": commit.id}
        order = order_of(self.spec, self.home, told, variables)
        return Process(order, self.log, self.woken)

    def _wait_for(self, coming: _Serving) -> None:
        """Looks whether the process that was started answers, or has ended, or had time enough."""
        lasted_s = time.monotonic() - coming.process.started_s
        ended = coming.process.ended()
        if ended is not None:
            coming.process.kill()
            self._coming = None
            self._failed(f"The process {ended} before its port answered{self._said()}", lasted_s)
            return
        is_there = self._answers(coming)
        if not is_there and lasted_s < GRACE_S:
            return
        old, self._serving, self._coming = self._serving, coming, None
        self._layouts.reverse()  # the next one goes where the old one's files are
        if is_there:
            self._show("running", port=coming.port, commits=json.dumps(coming.commits))
            self._check_exposure(coming.port)
        else:
            self._unanswering(coming)
        if old is not None:
            self._end(old)

    def _look_after(self, serving: _Serving) -> None:
        ended = serving.process.ended()
        if ended is not None:
            lasted_s = time.monotonic() - serving.process.started_s
            serving.process.kill()
            self._serving = None
            self._failed(f"The process {ended}{self._said()}", lasted_s)
        elif time.monotonic() - self._checked_s >= _CHECK_S:
            self._checked_s = time.monotonic()
            if self._answers(serving):
                self._show("running", port=serving.port, commits=json.dumps(serving.commits))
            else:
                self._unanswering(serving)

    def _answers(self, serving: _Serving) -> bool:
        transform = self.spec.transform
        return answers(serving.port, is_published=transform is not None and bool(transform.image))

    def _unanswering(self, serving: _Serving) -> None:
        error = f"Nothing answers at {HOST}:{serving.port}."
        self._show("unhealthy", port=serving.port, commits=json.dumps(serving.commits), error=error)

    def _check_exposure(self, port: int) -> None:
        if is_exposed(port):
            self.log.say(
                f"It listens on every interface of this machine; let it bind {HOST} ($HEADWATER_HOST)."
            )

    def _end(self, serving: _Serving) -> None:
        serving.process.stop()
        self.log.say(f"ended the process at port {serving.port}")

    def _failed(self, why: str, lasted_s: float) -> None:
        self.restarts += 1
        wait_s = self._back_off.failed(lasted_s)
        self.log.say(f"{why} (again in {wait_s:g} s)")
        if self._serving is None:
            self._show("restarting", port=None, error=why, again=True)
        else:  # the one before goes on
            self._show("running", port=self._serving.port, error=why, again=True)

    def _said(self) -> str:
        return f": {self.log.last_line}" if self.log.last_line else ""

    def _show(self, state: str, *, again: bool = False, **values: object) -> None:
        """Keeps how it is, where that is news."""
        told = f"{state} {values}"
        if again or told != self._state:
            self._state = told
            self.say(state, **values)


def _ids(inputs: Inputs) -> tuple[str, ...]:
    return tuple(commit.id for _, commit in inputs.values())


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
        return port


def is_exposed(port: int) -> bool:
    """Tells whether something listens at a port on every interface, as far as the kernel tells."""
    listening = re.compile(rf"\s*\d+: 0+:{port:04X} 0+:0000 0A ")
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/net/{name}").read_text(encoding="ascii").splitlines()
            if any(listening.match(line) for line in lines):
                return True
    return False


def answers(port: int, *, is_published: bool = False) -> bool:
    """Tells whether a process takes connections at a port.

    Where a container tool publishes the port, something of its own may take
    them while the container does not; it hangs up at once then.
    """
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), _CONNECT_S) as link:
        return not (is_published and _hangs_up(link))
    return False


def _hangs_up(link: socket.socket) -> bool:
    link.settimeout(_HANG_UP_S)
    try:
        return not link.recv(1)
    except TimeoutError:
        return False
