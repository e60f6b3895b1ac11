"""What handlers of tasks that do not end have in common: when to begin, begin anew, pause and stop.

One task per pipeline. Its handler looks at the pipeline's row, which may be
paused, updated or deleted at any time, whenever the catalog changes; it gives
the task back when its worker is to stop, and lets everything go at once when
another worker holds the task. Files of a pipeline lie in a folder of this
machine that one handler at a time has, by a lock.
"""

import fcntl
import json
import os
import shutil
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from headwater.clock import Clock
from headwater.db import CatalogUnavailable, ChangeWatch, LeaseLost
from headwater.errors import Error
from headwater.execution import Beat, Claim, Stopping
from headwater.pipelines import store as rows
from headwater.pipelines.errors import SpecTooNew
from headwater.pipelines.longrun import store
from headwater.pipelines.longrun.container import LOCK, clear
from headwater.pipelines.longrun.logs import BoundedLog
from headwater.pipelines.longrun.parts import Parts
from headwater.pipelines.longrun.program import lay_out_code
from headwater.pipelines.longrun.store import Watched
from headwater.pipelines.spec import PipelineSpec
from headwater.telemetry import logger

_LEFT_S = 1.0  # how long nobody takes what an older worker left
_LOOK_S = 0.25
_LOOK_ANYWAY_S = 1.0  # though nothing was heard of a change
_BACK_OFF_S, _BACK_OFF_MAX_S, _STEADY_S = 1.0, 60.0, 60.0


class BackOff:
    """How long to wait before a process is started once more: longer each time, until one has stayed for a while."""

    def __init__(self, clock: Clock, first_s: float = _BACK_OFF_S) -> None:
        """Lets the first one start at once."""
        self._clock, self._first_s = clock, first_s
        self._next_s, self._failures = 0.0, 0

    @property
    def is_due(self) -> bool:
        """Whether the next one may start."""
        return self._clock.monotonic_s() >= self._next_s

    def failed(self, after_s: float) -> float:
        """Notes that one has ended, so long after it was started; returns how long to wait."""
        self._failures = 1 if after_s >= _STEADY_S else self._failures + 1
        wait_s = min(self._first_s * 2.0 ** (self._failures - 1), _BACK_OFF_MAX_S)
        self._next_s = self._clock.monotonic_s() + wait_s
        return wait_s

    def reset(self) -> None:
        """Forgets failures, since something was achieved."""
        self._failures = 0


class Run(ABC):
    """A pipeline at one version, for as long as a handler has it."""

    def __init__(self, parts: Parts, row: Watched, home: Path, hold: "Hold", woken: threading.Event) -> None:
        """Lays its code out."""
        self.parts, self.row, self.home, self.hold, self.woken = parts, row, home, hold, woken
        self.log = BoundedLog(home, parts.clock)
        self.restarts = 0
        with parts.catalog.read() as conn:
            self.spec: PipelineSpec = rows.spec_of(conn, row.id, row.version)
            self.version = rows.version_of(conn, row.id, row.version)
        lay_out_code(parts.storage, self.version, home / "code")
        if self.spec.transform is not None and self.spec.transform.image:
            clear(home)

    @abstractmethod
    def step(self, *, changed: bool) -> float:
        """Does what is due; returns for how long nothing is, unless the catalog or the process says otherwise.

        `changed` tells whether the catalog may say something new.
        """

    @abstractmethod
    def close(self, *, at_once: bool) -> None:
        """Ends the process; what it has handed over is kept."""

    def say(self, state: str, **values: Any) -> None:
        """Keeps how it is, in the catalog."""
        known = {"state": state, "version": self.row.version, "restarts": self.restarts}
        known |= {"host": socket.gethostname(), "at_ms": self.parts.clock.now_ms(), **values}
        with self.hold.write() as conn:
            store.save(conn, self.row.id, **known)

    @property
    def variables(self) -> dict[str, str]:
        """What every process is told of its pipeline."""
        return {"HEADWATER_PIPELINE": self.row.name}


class Hold:
    """The right to act for a pipeline, checked in every transaction that does."""

    def __init__(self, parts: Parts, claim: Claim, beat: Beat) -> None:
        """Keeps the claim."""
        self._parts, self._claim, self.beat = parts, claim, beat

    @contextmanager
    def write(self) -> Iterator[Any]:
        """Gives a transaction in which this handler may act.

        Raises:
            LeaseLost: Another worker has the task.
        """
        with self._parts.catalog.write() as conn:
            self._parts.queue.check(conn, self._claim)
            yield conn

    def look(self) -> None:
        """Makes sure that going on makes sense.

        Raises:
            LeaseLost: Another worker has the task.
            Stopping: The worker was asked to stop.
        """
        if self.beat.lost:
            raise LeaseLost(f"task {self._claim.task_id}", holder=self._claim.worker)
        if self.beat.stopping:
            raise Stopping


class LongRunHandler(ABC):
    """Handles the tasks of one kind; `handle` returns when the pipeline is paused or gone."""

    kind: ClassVar[str]

    def __init__(self, parts: Parts, folder: Path, *, back_off_s: float = _BACK_OFF_S) -> None:
        """Keeps the parts; `folder` is where pipelines have their files on this machine."""
        self._parts, self._folder, self._back_off_s = parts, folder, back_off_s
        self._log = logger(f"headwater.{self.kind}")

    @abstractmethod
    def _begin(self, row: Watched, home: Path, hold: Hold, woken: threading.Event) -> Run:
        """Takes a pipeline up at its present version."""

    def handle(self, claim: Claim, beat: Beat) -> None:
        """Keeps the process of a pipeline running until it is paused, deleted, or for another worker to run.

        A version that this worker does not know how to run is left to newer workers.
        """
        hold, woken = Hold(self._parts, claim, beat), threading.Event()
        pipeline_id = int(claim.task.payload)
        row = self._row(pipeline_id)
        if row is None:
            self._clear_up()
            return
        with self._parts.catalog.watch() as watch, self._home(row, hold) as home:
            try:
                self._keep(row, home, hold, watch, woken)
            except SpecTooNew:
                self._parts.queue.release(claim, delay_s=_LEFT_S)
        if self._row(pipeline_id) is None:
            self._clear_up()

    def _keep(
        self, first: Watched, home: Path, hold: Hold, watch: ChangeWatch, woken: threading.Event
    ) -> None:
        run: Run | None = None
        troubles = BackOff(self._parts.clock, self._back_off_s)
        row, changed, looked_s = self._row(first.id), True, self._parts.clock.monotonic_s()
        try:
            while (
                row is not None and row.key == first.key and row.state == "running" and row.kind == self.kind
            ):
                hold.look()
                woken.clear()
                wait_s = _LOOK_S
                if run is not None and run.row.version != row.version:
                    run.close(at_once=False)
                    run = None
                try:
                    if run is None and troubles.is_due:
                        run = self._begin(row, home, hold, woken)
                    if run is not None:
                        wait_s = run.step(changed=changed)
                except (LeaseLost, CatalogUnavailable):
                    raise
                except SpecTooNew as error:
                    self._tell(row, hold, error, _LEFT_S)
                    raise
                except (Error, OSError) as error:
                    self._tell(row, hold, error, troubles.failed(0.0))
                    self._end(run, at_once=True)
                    run = None
                changed = watch.wait(min(wait_s, _LOOK_S), woken)
                now_s = self._parts.clock.monotonic_s()
                if changed or now_s - looked_s >= _LOOK_ANYWAY_S:
                    row, changed, looked_s = self._row(first.id), True, now_s
        except BaseException as error:
            self._end(run, at_once=isinstance(error, LeaseLost | CatalogUnavailable))
            raise
        is_gone = row is None or row.key != first.key
        self._end(run, at_once=is_gone)
        if row is not None and not is_gone:
            with hold.write() as conn:
                store.save(conn, row.id, state="stopped", port=None, version=row.version, at_ms=self._now())

    def _tell(self, row: Watched, hold: Hold, error: Exception, wait_s: float) -> None:
        said = error.message if isinstance(error, Error) else f"{type(error).__name__}: {error}"
        self._log.warning("trouble", pipeline=row.name, error=said, again_in_s=wait_s)
        with hold.write() as conn:
            values = {"version": row.version, "port": None, "at_ms": self._now()}
            store.save(conn, row.id, state="restarting", error=said, **values)

    def _end(self, run: Run | None, *, at_once: bool) -> None:
        if run is not None:
            run.close(at_once=at_once)

    def _row(self, pipeline_id: int) -> Watched | None:
        with self._parts.catalog.read() as conn:
            return store.watched(conn, pipeline_id)

    def _now(self) -> int:
        return self._parts.clock.now_ms()

    @contextmanager
    def _home(self, row: Watched, hold: Hold) -> Iterator[Path]:
        """Gives the folder of a pipeline, once no other handler on this machine has it."""
        home = self._folder / row.key
        home.mkdir(parents=True, exist_ok=True)
        lock = os.open(home / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not _locked(lock):
                hold.look()
                self._parts.clock.sleep(_LOOK_S)
            (home / "pipeline.json").write_text(json.dumps({"name": row.name}), encoding="utf-8")
            yield home
        finally:
            os.close(lock)

    def _clear_up(self) -> None:
        """Removes the folders of pipelines that are no more."""
        homes = list(self._folder.iterdir()) if self._folder.is_dir() else []
        with self._parts.catalog.read() as conn:
            known = store.keys(conn)  # read last: a folder is made after its pipeline
        for home in homes:
            if home.name not in known:
                _remove_unused(home)


def _remove_unused(home: Path) -> None:
    try:
        lock = os.open(home / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if _locked(lock):
            shutil.rmtree(home, ignore_errors=True)
    finally:
        os.close(lock)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
