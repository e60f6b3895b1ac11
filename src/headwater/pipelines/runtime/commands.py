"""Runs a set's datums through a command: inputs as folders, output out of a folder, one process per datum."""

import errno
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from headwater.errors import Error, Unavailable
from headwater.pipelines.calls import Reported, reporting
from headwater.pipelines.runtime import containers, images, logs, places
from headwater.pipelines.runtime.capturing import Roots
from headwater.pipelines.runtime.errors import CommandFailed, CommandNotFound, InvalidOutput, NoMountNamespace
from headwater.pipelines.runtime.feeding import Feeder
from headwater.pipelines.runtime.launch.launches import NotStarted, Program
from headwater.pipelines.runtime.launch.launching import Launching, how
from headwater.pipelines.runtime.launch.limits import data_limit
from headwater.pipelines.runtime.launch.namespace import PLACE, Bind
from headwater.pipelines.runtime.laying import lay_out, write
from headwater.pipelines.runtime.work import Took, Work, error_of, in_folder
from headwater.pipelines.sets import CallError, Piece
from headwater.storage import NewFile, PortableFile

_LINK_BYTES = 1024 * 1024  # larger files are kept for later datums, whoever else sees them now


class _Ended(NamedTuple):
    """How a command ended: what it wrote, or why not."""

    error: CallError | None
    outputs: Sequence[NewFile]
    log: bytes
    took: Took


class Commands:
    """The datums of one set, on their way through a command."""

    def __init__(self, work: Work) -> None:
        """Has run nothing yet."""
        self._work = work

    def run(self) -> None:
        """Runs all datums; each has a result when this returns."""
        transform = self._work.recipe.transform
        for index in range(len(self._work.task.datums)):
            if self._work.is_spent:
                self._work.not_run(index)
                continue
            self._one(index, transform.command, transform.stdin)

    def recover(self, index: int) -> tuple[bool, bytes]:
        """Runs the recovery command for a datum that has failed; returns whether it ended well, and its log."""
        work, transform = self._work, self._work.recipe.transform
        folders = places.Folders(work.home.new_folder())
        try:
            ended = self._ended(index, transform.recovery, transform.recovery_stdin, folders)
        finally:
            folders.remove()
        if ended.error is not None:
            return False, ended.log + f"The recovery command failed: {ended.error.message}\n".encode()
        return True, ended.log

    def _one(self, index: int, argv: tuple[str, ...], stdin: tuple[str, ...]) -> None:
        folders = places.Folders(self._work.home.new_folder())
        try:
            ended = self._ended(index, argv, stdin, folders)
            if ended.error is None:
                self._work.succeed(index, ended.outputs, ended.took, ended.log)
        finally:
            folders.remove()
        if ended.error is not None:
            self._work.fail(index, ended.error, ended.log, ended.took)

    def _ended(
        self, index: int, argv: tuple[str, ...], stdin: tuple[str, ...], folders: places.Folders
    ) -> _Ended:
        run = _Run(self._work, index, folders)
        error: CallError | None = None
        outputs: Sequence[NewFile] = ()
        try:
            with reporting("reading"):
                run.prepare()
            with reporting("function"):
                run.start(argv, stdin)
            outputs = in_folder(folders.output, run.roots())
        except Reported as reported:
            error, outputs = run.fault() or reported.error, ()
        except FileNotFoundError:
            gone = InvalidOutput("The output folder is gone.", hint="Leave $HEADWATER_OUTPUT where it is.")
            error = error_of(gone, "writing")
        return _Ended(run.fault() or error, outputs, run.log(), run.took())


class _Run:
    """One command for one datum."""

    def __init__(self, work: Work, index: int, folders: places.Folders) -> None:
        self._work, self._index, self._folders = work, index, folders
        self._datum = work.task.datums[index]
        self._feeder = Feeder(work.home.shelf, work.store)
        self._fetch_s = self._process_s = 0.0
        self._log = folders.folder / "log"
        self._log.touch()

    def prepare(self) -> None:
        """Lays the inputs out."""
        started_s = time.perf_counter()
        shared = {
            id(self._work.task.pieces[number]) for number in self._datum.pieces if self._work.uses[number] > 1
        }

        def put(piece: Piece, file: PortableFile, place: Path) -> None:
            if piece.lazy:
                self._feeder.add(file, place)
            elif id(piece) in shared or file.size >= _LINK_BYTES:
                self._work.home.shelf.link(file, self._work.store, place)
            else:
                write(file, self._work.store, place)

        lay_out(self._work.pieces(self._datum), self._work.store, self._folders.inputs, put=put)
        self._fetch_s = time.perf_counter() - started_s

    def start(self, argv: tuple[str, ...], stdin: tuple[str, ...]) -> None:
        """Runs the command to its end.

        Raises:
            Error: It could not be started, failed, or exceeded a limit.
        """
        started_s = time.perf_counter()
        home = self._work.home
        self._feeder.start()
        try:
            launching = home.commands()
            try:
                self._run(launching, argv, stdin)
            finally:
                if launching.sweep():
                    home.drop_commands()
        except Unavailable:
            home.drop_commands()
            raise
        finally:
            self._feeder.stop()
            self._process_s = time.perf_counter() - started_s

    def fault(self) -> CallError | None:
        """Returns why a lazy file could not be fetched, if so: then the command has not seen its inputs."""
        return self._feeder.fault

    def roots(self) -> Roots:
        """Returns where links in the output may lead."""
        inputs, output = self._folders.inputs, self._folders.output
        return Roots((inputs,), ((f"{PLACE}/out", output), (PLACE, inputs)))

    def log(self) -> bytes:
        """Returns what the command has printed."""
        with self._log.open("rb") as log:
            return logs.read(log.fileno())

    def took(self) -> Took:
        """Returns what it took."""
        return self._work.took(self._datum, self._fetch_s, self._process_s, self._feeder.fetched_bytes)

    def _run(self, launching: Launching, argv: tuple[str, ...], stdin: tuple[str, ...]) -> None:
        program = self._program(launching, argv)
        with self._log.open("a+b") as log, tempfile.TemporaryFile(dir=self._folders.folder) as lines:
            lines.write("".join(f"{line}\n" for line in stdin).encode())
            lines.seek(0)
            refused = launching.start(program, [lines.fileno(), log.fileno(), log.fileno()])
            if refused is not None:
                raise _not_started(refused, argv, program.folder)
            self._await(launching, argv, log.fileno())

    def _await(self, launching: Launching, argv: tuple[str, ...], log: int) -> None:
        watch, recipe = self._work.watch, self._work.recipe
        # A tool that limits the container's memory takes some itself, which is not the datum's.
        is_limited = bool(recipe.memory and recipe.transform.image) and self._work.home.limits_memory
        watch.begin()
        self._work.live.begin()
        try:
            while (exited := launching.wait(watch.wait_s)) is None:
                broken = watch.broken(launching.pid, time_only=is_limited)
                if broken is not None:
                    raise broken
                self._work.live.look(log, [self._index])
                logs.make_room(log)
        finally:
            watch.pause()
        launching.afterwards(())
        transform = recipe.transform
        code = os.WEXITSTATUS(exited.status) if os.WIFEXITED(exited.status) else None
        if code is not None and code in {0, *transform.accept}:
            return
        printed = self.log()
        last = logs.last_line(printed)
        if transform.image:
            images.explain(transform.image, argv, code, printed)
            if code == containers.KILLED and is_limited:
                raise watch.too_much(None)
        if last.startswith("MemoryError"):
            raise watch.too_much(None)
        raise _failed(argv, how(exited.status), last)

    def _program(self, launching: Launching, argv: tuple[str, ...]) -> Program:
        work, folders, recipe = self._work, self._folders, self._work.recipe
        code, pieces, key = (
            work.home.code(recipe, work.store),
            work.pieces(self._datum),
            self._datum.key.hex(),
        )
        if recipe.transform.image:
            tool, lock = work.home.image(recipe.transform.image, recipe.image_id), work.home.lock
            container = containers.wrap(tool, recipe, pieces, folders, code, argv, key, lock=lock)
            launching.afterwards(container.ending)
            return Program(list(container.argv), dict(container.environment), str(folders.work), [0, 1, 2])
        told = places.variables(recipe, pieces, str(folders.inputs), str(folders.output), datum=key)
        environment = places.environment(recipe, folders, told)
        folder = places.working_folder(recipe, code, folders)
        found = places.program(argv, environment, folder)
        refusal = work.home.namespace_refusal()
        if refusal and places.names_pfs(recipe):
            raise _no_namespace(refusal)
        return Program(
            [found, *argv[1:]],
            environment,
            str(folder),
            [0, 1, 2],
            data_limit(recipe.memory),
            "" if refusal else str(folders.root),
            [] if refusal else binds(folders),
        )


def binds(folders: places.Folders) -> list[Bind]:
    """Returns what is seen below `/pfs`."""
    inputs = sorted(one for one in folders.inputs.iterdir())
    return [*(Bind(str(one), one.name) for one in inputs), Bind(str(folders.output), "out", is_writable=True)]


def _failed(argv: Sequence[str], how: str, last: str) -> CommandFailed:
    because = f" Its last line: {last}" if last else " It printed nothing."
    return CommandFailed(
        f"The command {argv[0]!r} {how}.{because}",
        hint="The datum's log has all it printed; `accept` names other statuses that count as success.",
    )


def _no_namespace(refusal: str) -> NoMountNamespace:
    return NoMountNamespace(
        f"The command names {PLACE}, and this machine lets it have no file system of its own: {refusal}.",
        hint="Use $HEADWATER_INPUT/<input> and $HEADWATER_OUTPUT, allow user namespaces, or name an `image`.",
    )


def _not_started(refused: NotStarted, argv: Sequence[str], folder: str) -> Error:
    name = argv[0]
    match refused.step, refused.errno:
        case "fork", _:
            return Unavailable(
                f"The command {name!r} could not be started: {refused.message}.",
                hint="Free some memory, or run fewer datums at once.",
            )
        case "namespace", _:
            return _no_namespace(refused.message)
        case "folder", _:
            return CommandNotFound(
                f"The command {name!r} cannot run in {folder!r}: {refused.message}.",
                hint="Mend `working_folder`; it is relative to the stored code.",
            )
        case _, errno.ENOEXEC:
            return CommandNotFound(
                f"The command {name!r} is no program.",
                hint="A script begins with the line of its interpreter, such as #!/bin/sh.",
            )
        case _, errno.ENOENT:
            return CommandNotFound(
                f"The command {name!r} cannot be started: the interpreter in its first line is not there.",
                hint="Mend the line that begins with #!.",
            )
    return CommandNotFound(
        f"The command {name!r} cannot be started: {refused.message}.", hint="Check that it may be run here."
    )
