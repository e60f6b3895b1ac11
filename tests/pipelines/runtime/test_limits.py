"""Time, memory and death: what falls with one datum falls for that datum only."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headwater.pipelines.runtime.launch import processes
from tests.pipelines.runtime.runner import Runner, piece
from tests.waiting import until

THREE = [piece(f"{number}.txt", str(number)) for number in range(3)]
AROUND = ["succeeded", "failed", "succeeded"]


def test_a_function_that_never_ends_fails_its_datum_and_the_others_go_on(runner: Runner) -> None:
    code = """
        import time
        def f(reviews, out):
            if reviews.path == "1.txt":
                print("waiting")
                time.sleep(1000)
            out.write("x", "y")
    """

    results = runner.function(code, THREE, datum_timeout_s=0.5)

    assert results.states == AROUND
    assert results.error(1) == ("datum-timeout", "The code took longer than the limit of 0.5 s.")
    assert results.log(1) == "waiting\n"


def test_the_time_limit_counts_each_datum_for_itself(runner: Runner) -> None:
    code = "import time\ndef f(reviews, out): time.sleep(0.1)\n"

    results = runner.function(code, [piece(f"{number}.txt") for number in range(9)], datum_timeout_s=0.8)

    assert results.states == ["succeeded"] * 9


def test_reading_in_between_does_not_start_the_clock_anew(runner: Runner) -> None:
    code = """
        import time
        def f(reviews, out):
            for _ in range(1000):
                time.sleep(0.02)
                reviews.file.local()
    """

    results = runner.function(code, [piece("a.bin", bytes(100_000))], datum_timeout_s=0.2)

    assert results.error()[0] == "datum-timeout"


def test_a_batch_that_never_ends_is_narrowed_down_to_its_datum(runner: Runner) -> None:
    code = """
        import time
        def f(datums):
            for datum in datums:
                if datum.reviews.path == "1.txt":
                    time.sleep(1000)
                datum.out.write("x", "y")
    """

    results = runner.function(code, THREE, batch=3, datum_timeout_s=0.3)

    assert results.states == AROUND


def test_a_command_that_never_ends_is_ended_with_all_it_started(runner: Runner, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    line = f'[ "$(cat $reviews)" = 1 ] || exit 0; (setsid sleep 1000 & echo $! >> {pids}); echo $$ >> {pids}; sleep 1000'

    results = runner.shell(line, THREE, datum_timeout_s=1)

    assert results.states == AROUND
    assert results.error(1)[0] == "datum-timeout"
    until(lambda: not any(_lives(int(pid)) for pid in pids.read_text().split()))


@pytest.mark.parametrize(
    ("end", "said"),
    [("os._exit(3)", "ended with status 3"), ("os.kill(os.getpid(), 9)", "was ended by SIGKILL")],
)
def test_a_process_that_dies_fails_its_datum_and_the_others_go_on(
    runner: Runner, end: str, said: str
) -> None:
    code = f"""
        import os
        def f(reviews, out):
            print("at", reviews.path)
            if reviews.path == "1.txt":
                {end}
            out.write("x", "y")
    """

    results = runner.function(code, THREE)

    assert results.states == AROUND
    assert results.error(1)[0] == "process-died"
    assert said in results.error(1)[1]
    assert [results.log(number) for number in range(3)] == ["at 0.txt\n", "at 1.txt\n", "at 2.txt\n"]


def test_a_setup_that_dies_says_how(runner: Runner) -> None:
    code = "import os\ndef load(): os._exit(7)\ndef f(reviews, out, state): pass\n"

    results = runner.function(code, THREE, setup="score:load")

    assert results.states == ["failed"] * 3
    assert "ended with status 7" in results.error(2)[1]


def test_a_function_that_eats_memory_fails_its_datum_with_limit_and_use(runner: Runner) -> None:
    code = """
        def f(reviews, out):
            if reviews.path == "1.txt":
                held = []
                while True:
                    held.append(bytearray(b"x") * 5_000_000)
            out.write("x", "y")
    """

    results = runner.function(code, THREE, memory=200 * 1024**2)

    assert results.states == AROUND
    kind, message = results.error(1)
    error = results.all[1].error
    assert kind == "out-of-memory"
    assert "its limit of 200.0 MiB" in message
    assert error is not None
    assert error.details[0]["used_bytes"] > error.details[0]["limit_bytes"] == 200 * 1024**2


def test_asking_for_more_memory_than_there_is_names_the_limit(runner: Runner) -> None:
    code = "def f(reviews, out): bytearray(2**45)\n"

    results = runner.function(code, THREE[:1])

    assert results.error()[0] == "out-of-memory"
    assert "most of what this machine has" in results.error()[1]
    assert "score.py:1" in results.error()[1]


def test_a_command_that_eats_memory_fails(runner: Runner) -> None:
    line = "exec python3 -c 'x = []\nwhile True: x.append(bytearray(b\"x\") * 5_000_000)'"

    results = runner.shell(line, THREE[:1], memory=100 * 1024**2)

    assert results.error()[0] == "out-of-memory"


def test_memory_of_processes_below_counts(runner: Runner) -> None:
    code = """
        import subprocess, sys
        def f(reviews, out):
            eat = "import time; x = bytearray(b'x') * 150_000_000; time.sleep(100)"
            subprocess.run([sys.executable, "-c", eat])
    """

    results = runner.function(code, THREE[:1], memory=120 * 1024**2)

    assert results.error()[0] == "out-of-memory"


def test_what_a_datum_leaves_behind_is_ended(runner: Runner, tmp_path: Path) -> None:
    code = """
        import os, subprocess
        helper = None
        def load():
            return subprocess.Popen(["sleep", "1000"]).pid
        def f(reviews, out, state):
            os.system("setsid sleep 1000 & echo $! > stray")
            out.write("pids", f"{state} {open('stray').read()}")
    """

    results = runner.function(code, THREE[:1], setup="score:load")

    helper, stray = map(int, results.files()["pids"].split())
    until(lambda: not _lives(stray))
    assert _lives(helper)


def test_what_a_command_leaves_behind_is_ended(runner: Runner) -> None:
    results = runner.shell("setsid sleep 1000 & echo $! > $HEADWATER_OUTPUT/pid", THREE[:1])

    stray = int(results.files()["pid"])
    until(lambda: not _lives(stray))


def test_the_kernel_takes_users_processes_first(runner: Runner) -> None:
    code = "def f(reviews, out): out.write('x', open('/proc/self/oom_score_adj').read().strip())\n"

    assert runner.function(code, THREE[:1]).files() == {"x": b"1000"}


_TRUSTED = """
import sys, msgspec
from pathlib import Path
from tests.pipelines.runtime.runner import Runner, piece
from tests.waiting import until
runner = Runner(Path(sys.argv[1]))
code = '''
import os, time
def f(reviews, out):
    os.system("setsid sleep 1000 & echo $! >> " + reviews.file.read_text())
    with open(reviews.file.read_text(), "a") as file:
        file.write(f"{os.getpid()} {os.getppid()}\\\\n")
    open(reviews.file.read_text() + ".ready", "w").close()
    time.sleep(1000)
'''
runner.function(code, [piece("a.txt", sys.argv[2])])
"""


def test_a_killed_trusted_side_takes_everything_with_it(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    (tmp_path / "objects").mkdir()
    trusted = subprocess.Popen([sys.executable, "-c", _TRUSTED, str(tmp_path), str(pids)], cwd=Path.cwd())
    until((tmp_path / "pids.ready").exists)
    started = [int(pid) for pid in pids.read_text().split()]

    trusted.kill()
    trusted.wait()

    assert len(started) == 3
    until(lambda: not any(_lives(pid) for pid in started))


def test_an_idle_process_that_died_is_replaced(runner: Runner) -> None:
    code = "import os\ndef f(reviews, out): out.write('pid', str(os.getpid()))\n"
    pid = int(runner.function(code, THREE[:1]).files()["pid"])

    os.kill(pid, 9)
    until(lambda: not _lives(pid))

    assert int(runner.function(code, THREE[:1]).files()["pid"]) != pid


@pytest.mark.parametrize(
    "attack",
    [
        "os.write(3, b'nonsense' * 100)",
        "os.close(3)",
        "os.write(3, (2**40).to_bytes(8, 'little'))",
        "os.write(3, (1).to_bytes(8, 'little') + b'\\xc1')",
    ],
)
def test_a_process_that_talks_nonsense_is_ended(runner: Runner, attack: str) -> None:
    code = f"""
        import os
        def f(reviews, out):
            if reviews.path == "1.txt":
                {attack}
            out.write("x", "y")
    """

    results = runner.function(code, THREE)

    assert results.states == AROUND
    assert results.error(1)[0] == "process-died"


def test_the_memory_of_this_machine_is_known() -> None:
    started_s = time.monotonic()

    assert 2**26 < processes.memory_limit() < 2**50
    assert processes.resident_bytes([os.getpid()], 2**50) > 2**20
    assert processes.resident_bytes([os.getpid()], 0) > 2**20
    assert time.monotonic() - started_s < 1


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
