"""A shell in which a person sees what one datum's code sees, for as long as a `with` block."""

import shlex
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from headwater.errors import InvalidInput
from headwater.pipelines.engine import Seen, TransformKind
from headwater.pipelines.runtime import prepare_shell
from headwater.storage import open_store
from headwater.workspace.parts import Parts

_SHOWN = 12


class Shell:
    """The folder of one datum, with its inputs, code and environment; the end of the block removes it."""

    def __init__(self, parts: Parts, pipeline: str, datum: str) -> None:
        """Finds the datum in the pipeline's newest job that has it.

        Raises:
            AmbiguousDatum, DatumNotFound: The key, or its beginning, names several datums or none.
            JobNotFound: The pipeline has not run yet.
            PipelineNotFound: There is no such pipeline.
        """
        self._parts = parts
        self._seen = parts.datums.seen(parts.jobs.newest(pipeline).id, datum)
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        """Lays the datum out."""
        self._folder = tempfile.TemporaryDirectory(prefix="headwater-shell-")
        recipe = _kind(self._parts, self._seen).recipe_of(self._seen.job)
        store = open_store(self._parts.objects_url)
        self._shell = prepare_shell(recipe, self._seen.pieces, Path(self._folder.name), store)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Removes the folder, with all that was written there."""
        assert self._folder is not None, "the block was entered"
        self._folder.cleanup()

    @property
    def folder(self) -> Path:
        """Where the shell starts."""
        return self._shell.folder

    @property
    def told(self) -> str:
        """What a person should know before looking around."""
        job, transform = self._seen.job, self._seen.job.spec.transform
        runs = ""
        if transform is not None:
            runs = transform.function or shlex.join(transform.command)
        return (
            f"Datum {self._seen.datum.label} of {job.pipeline!r}, as job {job.id[:_SHOWN]} saw it. "
            f"Inputs: $HEADWATER_INPUT. Output: $HEADWATER_OUTPUT, kept by nobody. It runs: {runs}"
        )

    def run(self, command: Sequence[str] = ()) -> int:
        """Runs the shell, or a command in it, in the foreground, and returns its exit status."""
        line = [] if not command else ["-c", command[0] if len(command) == 1 else shlex.join(command)]
        with _left_to_the_shell():
            return subprocess.run(  # noqa: S603 - what the person asks for, in the pipeline's own environment
                [*self._shell.argv, *line],
                env=dict(self._shell.environment),
                cwd=self._shell.folder,
                check=False,
            ).returncode


def _kind(parts: Parts, seen: Seen) -> TransformKind:
    kind = parts.kinds[seen.job.spec.kind]
    if not isinstance(kind, TransformKind):
        raise InvalidInput(
            f"The pipeline {seen.job.pipeline!r} is of the kind {seen.job.spec.kind!r}, which has no shell.",
            hint="Only pipelines with a function or a command have one.",
        )
    return kind


@contextmanager
def _left_to_the_shell() -> Iterator[None]:
    """Leaves Ctrl-C to what runs in the shell."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
