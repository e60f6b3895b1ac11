"""Whoever is killed, and whenever: each thing that was handed over is committed once, and in its order."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headwater.pipelines.longrun import spool, spout
from tests.pipelines.longrun.conftest import Place, open_place
from tests.waiting import until

_WORKER = Path(__file__).with_name("worker_process.py")
_COUNT = 25

# Goes on behind what it knows to be handed over, and numbers what it hands over.
_FUNCTION = f"""
import time
def f(last):
    for n in range(int(last or -1) + 1, {_COUNT}):
        yield f"{{n}}", {{f"{{n:03d}}": str(n)}}
    time.sleep(600)
"""

_COMMAND = f"""#!{sys.executable}
import os, pathlib, time
out, seen = pathlib.Path(os.environ["HEADWATER_OUTPUT"]), pathlib.Path(os.environ["TEST_SEEN"])
first = int(seen.read_text()) if seen.exists() else 0
for n in range(first, {_COUNT}):
    draft = out / "draft"
    draft.mkdir(exist_ok=True)
    (draft / f"{{n:03d}}").write_text(str(n))
    note = seen.with_suffix(".new")
    note.write_text(str(n + 1))
    os.rename(draft, out / "ready" / f"{{n:03d}}")
    os.rename(note, seen)
    time.sleep(0.002)
time.sleep(600)
"""


@contextmanager
def worker(place: Place, files: str = "longrun", ttl_s: float = 0.5) -> Iterator["subprocess.Popen[bytes]"]:
    arguments = [str(place.folder), place.catalog.url, str(place.folder / files), str(ttl_s)]
    process = subprocess.Popen([sys.executable, str(_WORKER), *arguments])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def made(place: Place) -> list[str]:
    """Returns the names of what was committed, in order."""
    return [one.message for one in place.commits()]


def _work_until_killed(place: Place, after_s: float) -> None:
    """Has a worker commit something and kills it, at a moment that somebody else chose."""
    seen = len(made(place))
    with worker(place) as process:
        until(lambda: len(made(place)) > seen or len(made(place)) == _COUNT)
        time.sleep(after_s)  # the moment is what is tried
        process.kill()
        process.wait()


@pytest.mark.parametrize("kind", ["function", "command"])
def test_workers_killed_at_random_moments_double_and_lose_nothing(
    place: Place, kind: str, tmp_path: Path
) -> None:
    if kind == "function":
        place.spout({"code.py": _FUNCTION}, function="code:f")
        expected = [str(n) for n in range(_COUNT)]
    else:
        place.spout({"run": _COMMAND}, command=("./run",), env={"TEST_SEEN": str(tmp_path / "seen")})
        expected = [f"{n:03d}" for n in range(_COUNT)]
    rng, kills = random.Random(4), 0
    while len(made(place)) < _COUNT and kills < 3:
        _work_until_killed(place, rng.random() * 0.15)
        kills += 1

    with worker(place):
        until(lambda: len(made(place)) >= _COUNT)
    with place.working():
        until(lambda: place.state() == "running" and not list((tmp_path / "longrun").glob("*/taken/*")))

    assert kills > 1
    found = made(place)
    if kind == "function":
        assert found == expected
    else:  # a command that was killed between its two renames hands one thing over again, itself
        assert sorted(set(found)) == expected
    assert sorted(place.files()) == [f"{n:03d}" for n in range(_COUNT)]
    tokens = [one.metadata["spout"] for one in place.commits()]
    assert len(set(tokens)) == len(tokens)


@pytest.mark.parametrize("moment", ["taken", "committed", "cleared"])
def test_killed_between_any_two_steps_a_thing_is_committed_once(
    place: Place, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.spout({"code.py": "import time\ndef f():\n    time.sleep(600)\n"}, function="code:f")
    with place.working():
        until(lambda: place.state() == "running")
    [home] = [one for one in (place.folder / "longrun").iterdir() if one.is_dir()]
    (home / "out/ready/only").write_text("once")
    child = os.fork()
    if child == 0:
        _die_at(moment, place, monkeypatch)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL

    with place.working(ttl_s=1.0):
        until(lambda: made(place) == ["only"] and not list(home.glob("taken/*")))
        until(lambda: place.state() == "running")

    assert made(place) == ["only"]
    assert place.files() == {"only": "once"}


def _die_at(moment: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Works, in a forked process, until a step of the spool and dies there."""

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    moved, publish = vars(spool)["_moved"], vars(spout.SpoutRun)["_publish"]

    def dying_move(source: Path, to: Path) -> bool:
        result: bool = moved(source, to)
        if to.parent.name == {"taken": "taken", "cleared": "trash"}.get(moment):
            die()
        return result

    def dying_publish(self: spout.SpoutRun, thing: spool.Thing) -> object:
        publish(self, thing)
        if moment == "committed":
            die()
        return ""

    try:
        monkeypatch.setattr(spool, "_moved", dying_move)
        monkeypatch.setattr(spout.SpoutRun, "_publish", dying_publish)
        fresh = open_place(place.folder, place.catalog.url, create=False)
        fresh.worker(ttl_s=0.5).run()
    finally:
        os._exit(1)


def test_a_worker_that_lost_its_lease_commits_nothing(place: Place) -> None:
    forever = """
import time
def f():
    n = 0
    while True:
        yield f"{time.time_ns()}", {f"{n}": "x"}
        n += 1
        time.sleep(0.01)
"""
    place.spout({"code.py": forever}, function="code:f")
    with worker(place, "machine-1") as slow:
        until(lambda: len(made(place)) > 5)
        (place.folder / "machine-1/stop").touch()
        until(lambda: _is_stopped(slow.pid))
        with worker(place, "machine-2"):
            before = len(made(place))
            until(lambda: len(made(place)) > before + 5)
            slow.send_signal(signal.SIGCONT)
            here = len(made(place))
            until(lambda: len(made(place)) > here + 20)

            names = made(place)

    moments = [int(name) for name in names]
    assert moments == sorted(moments)


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
