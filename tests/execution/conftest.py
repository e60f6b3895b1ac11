"""A catalog on a clock that moves by hand, a queue on it, and a module of calls that children can import."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.db import Catalog
from headwater.execution import LocalExecutor, Queue
from tests.clocks import HandClock
from tests.servers.postgres import fresh_catalog


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def url(catalog_url: str) -> str:
    return catalog_url


@pytest.fixture
def catalog(url: str, clock: HandClock) -> Iterator[Catalog]:
    catalog = fresh_catalog(url, clock=clock)
    yield catalog
    catalog.close()


@pytest.fixture
def queue(catalog: Catalog) -> Queue:
    return Queue(catalog)


CALLS = """
import os, signal, subprocess, sys, threading
from pathlib import Path
from headwater.errors import InvalidInput

def upper(payload, scratch): return payload.upper()
def pid(payload, scratch): return str(os.getpid()).encode()
def environment(payload, scratch): return "\\n".join(f"{k}={v}" for k, v in os.environ.items()).encode()
def modules(payload, scratch): return "\\n".join(sys.modules).encode()
def die(payload, scratch): os.kill(os.getpid(), signal.SIGKILL)
def leave(payload, scratch): os._exit(7)
def exit(payload, scratch): sys.exit("enough")
def bug(payload, scratch): return 1 // 0
def refuse(payload, scratch): raise InvalidInput("Column 'x' is empty.", hint="Fill it.", details=[{"column": "x"}])
def text(payload, scratch): return "no bytes"
def leak(payload, scratch): (scratch / "big").write_bytes(b"x"); return str(scratch).encode()
def leak_and_die(payload, scratch): leak(payload, scratch); die(payload, scratch)

def speak(payload, scratch):
    print("one")
    print("two", file=sys.stderr)
    subprocess.run(["echo", "three"])
    sys.stdout.write("four")
    return b""

def hang(payload, scratch):
    Path(payload.decode()).write_text(str(os.getpid()))
    threading.Event().wait()

def spin(payload, scratch):
    Path(payload.decode()).write_text(str(os.getpid()))
    while True: pass
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "calls_under_test.py").write_text(CALLS)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")
    names = [line.split()[1].partition("(")[0] for line in CALLS.splitlines() if line.startswith("def ")]
    return {name: f"calls_under_test:{name}" for name in names} | {"absent": "no_such_module:f"}


@pytest.fixture
def lines() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def executor(calls: dict[str, str], lines: list[tuple[str, str]], tmp_path: Path) -> Iterator[LocalExecutor]:
    with LocalExecutor(
        calls, processes=2, log=lambda call, line: lines.append((call, line)), scratch=tmp_path / "scratch"
    ) as executor:
        yield executor
