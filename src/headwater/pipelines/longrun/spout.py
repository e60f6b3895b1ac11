"""Spouts: producers that run for ever, and whose every piece becomes one commit.

A handler runs the process, takes up what it hands over and commits that, one
thing after the other, each in a transaction that also checks the lease and
notes the thing's token; see `spool` for why nothing is lost or doubled.
"""

import threading
from collections.abc import Iterator
from pathlib import Path

from headwater.api.documents import Provenance
from headwater.db import CatalogUnavailable, LeaseLost
from headwater.errors import Conflict, Error, InvalidInput, Unavailable
from headwater.ids import CommitId
from headwater.pipelines.egress import Egress
from headwater.pipelines.longrun import store
from headwater.pipelines.longrun.errors import LongRunFailed
from headwater.pipelines.longrun.parts import Parts
from headwater.pipelines.longrun.process import Process
from headwater.pipelines.longrun.program import order_of
from headwater.pipelines.longrun.protocol import Told
from headwater.pipelines.longrun.running import BackOff, Hold, LongRunHandler, Run
from headwater.pipelines.longrun.spool import Spool, Thing
from headwater.pipelines.longrun.store import Watched
from headwater.pipelines.runtime.capturing import Roots, in_folder
from headwater.pipelines.runtime.errors import InvalidOutput
from headwater.repos import BranchMoved, PendingCommit, Trees
from headwater.storage import NewFile, Put, Writer

_QUICK_S, _QUIET_S = 0.02, 0.1


class SpoutHandler(LongRunHandler):
    """Handles tasks of the kind `spout`."""

    kind = "spout"

    def _begin(self, row: Watched, home: Path, hold: Hold, woken: threading.Event) -> Run:
        return SpoutRun(self._parts, row, home, hold, woken, self._back_off_s)


class SpoutRun(Run):
    """A spout at one version."""

    def __init__(
        self, parts: Parts, row: Watched, home: Path, hold: Hold, woken: threading.Event, back_off_s: float
    ) -> None:
        """Has no process yet."""
        super().__init__(parts, row, home, hold, woken)
        self._spool = Spool(home)
        self._back_off = BackOff(parts.clock, back_off_s)
        self._process: Process | None = None
        self._egress = Egress(parts.catalog, parts.repos, parts.storage, parts.clock)
        self._send_again = BackOff(parts.clock, back_off_s)
        self._sent: CommitId | None = None

    def step(self, *, changed: bool) -> float:  # noqa: ARG002 - it makes what is new, and reads nothing
        """Commits what was handed over, and sees to it that the process runs."""
        committed = self._take()
        if committed:
            self._back_off.reset()
        else:
            self._send()
        if self._process is not None:
            self._look_after(self._process)
        elif self._back_off.is_due:
            self._start()
        return _QUICK_S if committed else _QUIET_S

    def close(self, *, at_once: bool) -> None:
        """Ends the process, and commits what it has handed over unless the lease is lost."""
        process, self._process = self._process, None
        if process is not None:
            if at_once:
                process.kill()
            else:
                process.stop()
        if not at_once:
            self._take()

    def _take(self) -> int:
        """Commits what is there, one after the other; returns how much it was."""
        count = 0
        try:
            for thing in self._spool.things():
                if self.hold.beat.lost:
                    break
                self._commit(thing)
                count += 1
        except (LeaseLost, CatalogUnavailable):
            raise
        except (Conflict, Unavailable) as error:  # it stays where it is, and is tried again
            self.log.say(f"what was handed over waits: {error.message}")
            self.say("running" if self._process else "restarting", error=error.message)
        return count

    def _commit(self, thing: Thing) -> None:
        with self.parts.catalog.read() as conn:
            is_committed = store.token_of(conn, self.row.id, self._spool.id) == thing.token
        if is_committed:
            self._spool.done(thing)
            return
        try:
            commit = self._publish(thing)
        except (InvalidInput, LongRunFailed) as error:
            place = self._spool.reject(thing)
            self.log.say(f"{thing.name} could not be committed: {error.message} It lies in {place}.")
            self.say("running" if self._process else "restarting", error=f"{thing.name}: {error.message}")
            self._answer(thing, f"!{error.message}")
            return
        self._spool.done(thing)
        self._answer(thing, commit)

    def _publish(self, thing: Thing) -> CommitId:
        files = list(_files(thing))
        writer = self.parts.storage.writer()
        try:
            puts = [Put(one.path, writer.add(one.source, executable=one.executable)) for one in files]
            try:
                return self._land(writer, puts, thing)
            except BranchMoved:
                writer.rewind()
            with self.parts.catalog.writer_turn():
                return self._land(writer, puts, thing)
        finally:
            writer.abort()

    def _land(self, writer: Writer, puts: list[Put], thing: Thing) -> CommitId:
        """Builds the tree on the branch's head as it is now, and commits it."""
        output, repos, nothing = self.spec.output, self.parts.repos, self.parts.storage.tree(None)
        with self.parts.catalog.read() as conn:
            head = repos.head(conn, output.repo, output.branch)
        tree = nothing if head is None else repos.view(repos.commit_by_id(head)).tree
        made = writer.edit(nothing if self._is_whole else tree, puts)
        is_new = head is None or made.root_hash != tree.root_hash
        writer.seal()
        with self.hold.write() as conn:
            if store.watched(conn, self.row.id) is None:
                raise LongRunFailed(f"The pipeline {self.row.name!r} was deleted.", hint="Make it anew.")
            store.mark(conn, self.row.id, self._spool.id, thing.token)
            if thing.is_named:
                now = {"version": self.row.version, "at_ms": self.parts.clock.now_ms()}
                store.save(conn, self.row.id, state="running", last=thing.name, **now)
            if not is_new:
                assert head is not None, "a branch without commits gets its first"
                return head
            pending = PendingCommit(
                repo=output.repo,
                branch=output.branch,
                trees=Trees(made),
                parent=head,
                writer=writer,
                message=thing.name if thing.is_named else "",
                author=f"pipeline {self.row.name}",
                metadata={"spout": thing.token},
                provenance=self._provenance,
            )
            return repos.publish(conn, pending).id

    @property
    def _is_whole(self) -> bool:
        return self.spec.spout is not None and self.spec.spout.overwrite

    @property
    def _provenance(self) -> tuple[Provenance, ...]:
        code = self.version.code
        return () if code is None else (Provenance("code", "", code, "code"),)

    def _answer(self, thing: Thing, text: str) -> None:
        if self._process is not None:
            self._process.answer(f"{thing.name}\t{' '.join(text.split())}")

    def _send(self) -> None:
        """Copies the newest commit out, where the spec says so; what cannot be now is tried again."""
        if self.spec.egress is None or not self._send_again.is_due:
            return
        output = self.spec.output
        with self.parts.catalog.read() as conn:
            head = self.parts.repos.head(conn, output.repo, output.branch)
        if head is None or head == self._sent:
            return
        try:
            commit = self.parts.repos.commit_by_id(head)
            self._egress.send(self.row.id, self.spec, commit, look=self.hold.look)
            self._sent = head
            self._send_again.reset()
        except (LeaseLost, CatalogUnavailable):
            raise
        except Error as error:
            wait_s = self._send_again.failed(0.0)
            self.log.say(f"{error.message} (again in {wait_s:g} s)")
            self.say("running" if self._process else "restarting", error=error.message)

    # --- the process ---

    def _start(self) -> None:
        self._spool.clear_drafts()
        with self.parts.catalog.read() as conn:
            status = store.status(conn, self.row.id)
        last = "" if status is None else status.last
        told = Told(str(self._spool.out), last=last)
        variables = self.variables | {"HEADWATER_OUTPUT": str(self._spool.out), "HEADWATER_LAST": last}
        try:
            order = order_of(self.spec, self.home, told, variables)
            self._process = Process(order, self.log, self.woken)
        except Error as error:
            self._failed(error.message, 0.0)
            return
        self.log.say(f"started, version {self.row.version}")
        self.say("running")

    def _look_after(self, process: Process) -> None:
        ended = process.ended()
        if ended is None:
            return
        lasted_s = self.parts.clock.monotonic_s() - process.started_s
        process.kill()
        self._process = None
        self._take()  # what it handed over last
        said = f": {self.log.last_line}" if self.log.last_line and "status 0" not in ended else ""
        self._failed(f"The process {ended}{said}", lasted_s)

    def _failed(self, why: str, lasted_s: float) -> None:
        self.restarts += 1
        wait_s = self._back_off.failed(lasted_s)
        self.log.say(f"{why} (again in {wait_s:g} s)")
        self.say("restarting", error=why)


def _files(thing: Thing) -> Iterator[NewFile]:
    """Yields what a thing holds: a folder the files below it, a file itself under its name."""
    if thing.place.is_dir() and not thing.place.is_symlink():
        yield from in_folder(thing.place, Roots())
        return
    for one in in_folder(thing.place.parent, Roots()):
        if one.path == thing.place.name:
            yield one._replace(path=thing.name)
            return
    raise InvalidOutput(f"{thing.name!r} is no regular file.", hint="Hand over files and folders only.")
