"""The program as a process: run until it ends, or beside the test."""

import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from headwater.cli import main
from tests.waiting import PATIENCE_S, until

PROGRAM = (sys.executable, "-m", "headwater")


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error that the last line on stderr holds."""
        found: dict[str, Any] = json.loads(self.err.strip().splitlines()[-1])["error"]
        return found


Command = Callable[..., Ended]


class Running:
    """A command that runs beside the test, with what it prints in files."""

    def __init__(self, folder: Path, words: tuple[str, ...], number: int) -> None:
        self.words = words
        self._out, self._err = (folder / f".running-{number}.{name}" for name in ("out", "err"))
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                [*PROGRAM, *words],
                cwd=folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def out(self) -> str:
        return self._out.read_text("utf-8")

    @property
    def err(self) -> str:
        return self._err.read_text("utf-8")

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def document(self) -> Any:
        """Waits for the JSON document on stdout."""
        return until(self._document, f"`{' '.join(self.words)}` to print its document")

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> Ended:
        status = self._process.wait(PATIENCE_S)
        return Ended(status, self.out, self.err)

    def end(self, number: signal.Signals = signal.SIGTERM) -> Ended:
        """Sends a signal and waits for the end."""
        self.send(number)
        return self.wait()

    def _document(self) -> Any:
        assert self.is_running or self.out, self.err
        with suppress(ValueError):
            return json.loads(self.out)
        return None


Start = Callable[..., Running]


def environment() -> dict[str, str]:
    """Returns the variables that the program runs with: `headwater` is found, nothing of it is set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADWATER_")}
    folders = [str(Path(sys.executable).parent), kept.get("PATH", "")]
    return kept | {"PATH": os.pathsep.join(folder for folder in folders if folder)}


def demo_in(folder: Path, name: str, patience_s: float) -> Ended:
    """Returns a demo that was told in the folder, to its end."""
    done = subprocess.run(
        [*PROGRAM, "demo", name],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=patience_s,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def program_in(folder: Path) -> Command:
    """Returns a function that runs `headwater` in the folder until it ends."""

    def run(*words: str, stdin: bytes = b"", status: int | None = 0) -> Ended:
        done = subprocess.run(
            [*PROGRAM, *words],
            cwd=folder,
            env=environment(),
            input=stdin,
            capture_output=True,
            timeout=110,
            check=False,
        )
        ended = Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
        if status is not None:
            assert ended.status == status, ended
        assert "Traceback" not in ended.err, ended.err
        return ended

    return run


def commands_in(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Returns a function that runs command lines in this process, which is quicker where there are many."""
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("HEADWATER_")]:
        monkeypatch.delenv(name)

    def run(*words: str, stdin: bytes = b"", status: int = 0) -> Ended:
        capfd.readouterr()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        ended = Ended(main(words), *capfd.readouterr())
        assert ended.status == status, ended
        return ended

    return run


def query(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    """Reads the catalog of the folder's workspace, for what no command shows."""
    with closing(
        sqlite3.connect(f"file:{folder / '.headwater' / 'catalog.db'}?mode=ro", uri=True)
    ) as catalog:
        return catalog.execute(statement).fetchall()


def stop_workers(folder: Path) -> None:
    """Ends the workers that were started for workspaces below a folder, and waits until they are gone."""
    for catalog in folder.rglob(".headwater/catalog.db"):
        for (pid,) in query(catalog.parents[1], "SELECT pid FROM workers"):
            command = Path(f"/proc/{pid}/cmdline")
            if command.exists() and b"headwater" in command.read_bytes():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        _until_nobody_works(catalog.parents[1])


def _until_nobody_works(folder: Path) -> None:
    def is_over() -> bool:
        pids = [pid for (pid,) in query(folder, "SELECT pid FROM workers")]
        return not any(Path(f"/proc/{pid}/cmdline").exists() for pid in pids)

    until(is_over, f"the workers of {folder} to leave")


def train(folder: Path, request: str) -> None:
    """Sends a request, and does the work in a worker that leaves when it is done."""
    headwater = program_in(folder)
    headwater("train", "-f", request)
    headwater("worker", "--idle-exit", "0")


def step_of(told: str, number: int) -> str:
    """Returns what a demo said from the beginning of a step to that of the next, or to its last words."""
    ends = rf"(?=^{number + 1}\. |^Workspace |^Look |\Z)"
    found = re.search(rf"^{number}\. .*?{ends}", told, re.MULTILINE | re.DOTALL)
    assert found is not None, told
    return found[0]
