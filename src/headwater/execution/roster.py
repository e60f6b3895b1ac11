"""Who works: the roster of worker processes, kept by their heartbeats."""

import os
import socket
from pathlib import Path

import msgspec
import sqlalchemy as sa

from headwater.db import Catalog
from headwater.execution import store
from headwater.ids import random_id

SILENCE_S = 15.0
_FORGET_MS = 3_600_000


class WorkerInfo(msgspec.Struct, frozen=True):
    """A worker process that was heard of lately."""

    id: str
    host: str
    pid: int
    kind: str
    started_ms: int
    heartbeat_ms: int


class Roster:
    """The workers of one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        """Keeps the catalog's table."""
        self._catalog = catalog

    def enter(self, kind: str) -> str:
        """Adds this process and returns the id it works under; forgets workers long silent."""
        worker = f"{socket.gethostname()[:30]}-{os.getpid()}-{random_id()[:8]}"
        with self._catalog.write() as conn:
            now_ms = self._catalog.now_ms(conn)
            store.remove_workers(conn, silent_since_ms=now_ms - _FORGET_MS)
            values = {"host": socket.gethostname(), "pid": os.getpid(), "kind": kind}
            store.add_worker(conn, values | {"id": worker, "started_ms": now_ms, "heartbeat_ms": now_ms})
        return worker

    def beat(self, conn: sa.Connection, worker: str) -> None:
        """Notes in the caller's transaction that the worker is alive."""
        store.beat_worker(conn, worker, self._catalog.now_ms(conn))

    def leave(self, conn: sa.Connection, worker: str) -> None:
        """Takes a worker off in the caller's transaction."""
        store.remove_workers(conn, worker=worker)

    def live(self, conn: sa.Connection) -> list[WorkerInfo]:
        """Returns the workers heard of in the last 15 s, without those of this machine that are dead."""
        since_ms = self._catalog.now_ms(conn) - round(SILENCE_S * 1000)
        heard = [
            WorkerInfo(row.id, row.host, row.pid, row.kind, row.started_ms, row.heartbeat_ms)
            for row in store.heard_workers(conn, since_ms)
        ]
        here = socket.gethostname()
        return [worker for worker in heard if worker.host != here or is_alive(worker.pid)]


def is_alive(pid: int) -> bool:
    """Tells whether a process of this machine runs; one that waits to be reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}
