"""What code prints, datum by datum."""

import os
import tempfile

from headwater.pipelines.runtime import logs
from tests.pipelines.runtime.runner import Runner, piece

TWO = [piece("a.txt", "a"), piece("b.txt", "b")]


def test_each_datum_has_its_own_lines_in_order(runner: Runner) -> None:
    code = """
        import os, sys
        def load():
            print("loading")
        def f(reviews, out, state):
            print("out", reviews.path)
            print("err", file=sys.stderr)
            os.system("echo below")
            sys.stdout.write("unfinished")
    """

    results = runner.function(code, TWO, setup="score:load")

    assert results.log(0) == "loading\nout a.txt\nerr\nbelow\nunfinished"
    assert results.log(1) == "out b.txt\nerr\nbelow\nunfinished"


def test_a_long_log_keeps_its_beginning_and_its_end(runner: Runner) -> None:
    code = "def f(reviews, out):\n    for i in range(100_000): print('line', i)\n"

    log = runner.function(code, TWO[:1]).log()

    assert len(log.encode()) <= logs.MOST_BYTES
    lines = log.splitlines()
    assert (lines[0], lines[-1]) == ("line 0", "line 99999")
    assert [line for line in lines if "bytes left out" in line] != []
    assert all(line.startswith(("line ", "… ")) for line in lines)


def test_a_command_that_prints_without_end_does_not_fill_the_disk(runner: Runner) -> None:
    results = runner.shell("yes | head -c 30000000; echo end", TWO[:1])

    assert results.states == ["succeeded"]
    assert results.log().endswith("y\nend\n")
    assert len(results.one.log) <= logs.MOST_BYTES


def test_the_middle_of_a_long_log_takes_no_space() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"begin\n" + b"x" * 20_000_000 + b"\nend\n")
        file.flush()

        logs.make_room(file.fileno())

        assert os.fstat(file.fileno()).st_blocks * 512 < 1_000_000
        assert logs.read(file.fileno()).startswith(b"begin\n")
        assert logs.take(file.fileno()).endswith(b"\nend\n")
        assert logs.take(file.fileno()) == b""


def test_a_traceback_shows_the_users_frames_only(runner: Runner) -> None:
    code = """
        def inner():
            raise ValueError("wrong")
        def f(reviews, out):
            try:
                inner()
            except ValueError as error:
                raise RuntimeError("worse") from error
    """

    results = runner.function(code, TWO[:1])

    assert results.error() == ("function-failed", "RuntimeError: worse (score.py:8)")
    assert 'File "score.py", line 3, in inner' in results.log()
    assert 'File "score.py", line 8, in f' in results.log()
    assert "function_host" not in results.log()
    assert "headwater" not in results.log()


def test_the_last_line_of_a_log_is_one_that_says_something() -> None:
    assert logs.last_line(b"a\nb\n\n  \n") == "b"
    assert logs.last_line(b"") == ""
    assert len(logs.last_line(b"x" * 1000)) == 300
