"""Commands: folders in, a folder out, lines, statuses, recovery, /pfs, pipes for lazy files."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from headwater.pipelines.runtime.launch import processes
from headwater.pipelines.spec import Transform
from tests.pipelines.runtime.runner import Runner, folder, piece

ONE = [piece("a.txt", "input")]
TWO = [piece("a.txt", "a"), piece("b.txt", "b")]


def test_a_command_reads_folders_and_writes_into_one(runner: Runner) -> None:
    line = "cat $HEADWATER_INPUT/reviews/a.txt $reviews > $HEADWATER_OUTPUT/twice; echo $reviews_COMMIT"

    results = runner.shell(line, ONE, variables={"reviews_COMMIT": "c0ffee"})

    assert results.files() == {"twice": b"inputinput"}
    assert results.log() == "c0ffee\n"
    assert results.stats()["files_out"] == 1


def test_a_command_sees_pfs_and_the_root_stays_as_it_is(runner: Runner) -> None:
    before = sorted(Path("/").iterdir())

    results = runner.shell(
        "cp /pfs/reviews/d/x.txt /pfs/out/copy; ls /pfs > /pfs/out/list; touch /pfs/reviews/no /no 2>&1; true",
        [folder("d", {"d/x.txt": "deep"})],
    )

    assert results.files() == {"copy": b"deep", "list": b"out\nreviews\n"}
    assert results.log().count("Read-only file system") == 2
    assert sorted(Path("/").iterdir()) == before


def test_lines_are_the_standard_input(runner: Runner) -> None:
    results = runner.run(
        Transform(command=("sh",), stdin=("read_it=$(cat $reviews)", "echo got $read_it")), ONE
    )

    assert results.log() == "got input\n"


def test_a_status_is_a_failure_unless_it_is_accepted(runner: Runner) -> None:
    line = "echo before; echo last words >&2; exit $(cat $reviews)"
    pieces = [piece(f"{status}.txt", str(status)) for status in (0, 3, 4)]

    results = runner.shell(line, pieces, accept=(3,))

    assert results.states == ["succeeded", "succeeded", "failed"]
    assert results.error(2) == (
        "command-failed",
        "The command 'sh' ended with status 4. Its last line: last words",
    )
    assert results.log(2) == "before\nlast words\n"


def test_a_command_ended_by_a_signal_says_which(runner: Runner) -> None:
    results = runner.shell("kill -SEGV $$", ONE)

    assert results.error()[1] == "The command 'sh' was ended by SIGSEGV. It printed nothing."


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (("no-such-program", "x"), {}, "'no-such-program' is not found"),
        (("./missing.sh",), {"other.sh": "x"}, "'./missing.sh' is not found"),
        (("./text",), {"text": "just text\n"}, "is no program"),
        (("./bad",), {"bad": "#!/no/such/interpreter\n"}, "interpreter"),
    ],
)
def test_a_command_that_is_not_there_is_named(
    runner: Runner, command: tuple[str, ...], code: dict[str, str], said: str
) -> None:
    results = runner.run(Transform(command=command), ONE, code=code or None)

    assert results.error()[0] == "command-not-found"
    assert said in results.error()[1]


def test_where_a_command_was_looked_for_is_said(runner: Runner) -> None:
    results = runner.run(Transform(command=("nope",), env={"PATH": "/opt/here:/usr/bin"}), ONE)

    assert results.one.error is not None
    assert "/opt/here:/usr/bin" in results.one.error.hint


def test_the_stored_code_is_the_current_folder(runner: Runner) -> None:
    code = {"run.sh": "#!/bin/sh\ncat data/words.txt > $HEADWATER_OUTPUT/x\n", "data/words.txt": "words"}

    results = runner.run(Transform(command=("./run.sh",)), ONE, code=code)

    assert results.files() == {"x": b"words"}


def test_a_working_folder_is_relative_to_the_code(runner: Runner) -> None:
    code = {"data/words.txt": "words"}

    inside = runner.run(Transform(command=("cat", "words.txt"), working_folder="data"), ONE, code=code)
    missing = runner.run(Transform(command=("true",), working_folder="no"), ONE, code=code)
    absolute = runner.run(Transform(command=("cat", "a.txt"), working_folder="/pfs/reviews"), ONE)

    assert inside.log() == "words"
    assert missing.error()[0] == "command-not-found"
    assert "working_folder" in (missing.one.error.hint if missing.one.error else "")
    assert absolute.log() == "input"


def test_lazy_files_are_pipes_that_are_fed_when_opened(runner: Runner) -> None:
    large = bytes(300_000)
    pieces = [folder("d", {"d/a": large, "d/b": "b", "d/c": "never read"}, lazy=True)]
    line = "cd $reviews; cat a b a | wc -c; test -p c; head -c 5 a | wc -c; cat b"

    results = runner.shell(line, pieces)

    assert results.states == ["succeeded"], results.all
    assert results.log().split() == ["600001", "5", "b"]
    assert results.stats()["bytes_in"] == 3 * len(large) + 2


def test_two_lazy_files_can_be_read_side_by_side(runner: Runner) -> None:
    pieces = [folder("d", {"d/a": "1\n2\n" * 40_000, "d/b": "x\ny\n" * 40_000}, lazy=True)]

    results = runner.shell("cd $reviews; paste a b | tail -1", pieces)

    assert results.log() == "2\ty\n"


def test_empty_files_are_names_only(runner: Runner) -> None:
    results = runner.shell("wc -c < $reviews", [piece("a.txt", "12345", empty=True)])

    assert results.log() == "0\n"


def test_recovery_runs_on_the_last_try_only(runner: Runner) -> None:
    options = {"recovery": ("sh", "-c", "cat $reviews; test $(cat $reviews) = a")}

    early = runner.shell("echo trying; exit 1", TWO, is_last_try=False, **options)
    last = runner.shell("echo trying; echo x > $HEADWATER_OUTPUT/x; exit 1", TWO, **options)

    assert early.states == ["failed", "failed"]
    assert last.states == ["recovered", "failed"]
    assert last.all[0].files == ()
    assert last.log(0) == "trying\na"
    assert last.error(1)[0] == "command-failed"
    assert "The recovery command failed" in last.log(1)


def test_a_function_can_be_recovered_too(runner: Runner) -> None:
    results = runner.function(
        "def f(reviews, out): 1 / 0\n", ONE, recovery=("sh", "-c", "echo recovered $(cat $reviews)")
    )

    assert results.states == ["recovered"]
    assert results.log().endswith("recovered input\n")


def test_a_piece_that_many_datums_see_is_kept_once(runner: Runner) -> None:
    pieces = [*TWO, piece("m.bin", bytes(5_000), input="model")]

    results = runner.shell("stat -c %i $model", pieces, seen=[(0, 2), (1, 2)])

    assert results.log(0) == results.log(1)


def test_several_pieces_of_a_group_lie_side_by_side(runner: Runner) -> None:
    results = runner.shell("cat $HEADWATER_INPUT/reviews/*.txt", TWO, seen=[(0, 1)])

    assert results.log() == "ab"


_UNPRIVILEGED = """
import ctypes, os, sys
from pathlib import Path
from headwater.pipelines.runtime.launch.namespace import Bind, NamespaceRefused, enter
folder = Path(sys.argv[1])
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as a process is that this user has started
try:
    enter(folder / "root", [Bind(str(folder / "in"), "reviews"), Bind(str(folder / "out"), "out", True)])
except NamespaceRefused as refused:
    sys.exit(f"refused: {refused}")
Path("/pfs/out/copy").write_text(Path("/pfs/reviews/a.txt").read_text() + str(os.geteuid()))
"""


def test_a_file_system_of_its_own_needs_no_administrator() -> None:
    with tempfile.TemporaryDirectory(prefix="headwater-open-") as name:  # which another user can reach
        place = Path(name)
        for part in (place / "root", place / "in", place / "out"):
            part.mkdir()
        for part in (place, place / "root", place / "out"):
            part.chmod(0o777)
        (place / "in" / "a.txt").write_text("input ")
        script = [sys.executable, "-c", _UNPRIVILEGED, name]

        done = subprocess.run(script, capture_output=True, text=True, check=False)

        if "refused: unshare" in done.stderr:
            pytest.skip("this kernel gives user namespaces to administrators only")
        assert done.returncode == 0, done.stderr
        assert (place / "out" / "copy").read_text() == f"input {os.geteuid() or 65534}"


def test_without_a_namespace_a_command_that_names_pfs_is_told(tmp_path: Path) -> None:
    forbid = "echo 0 > /proc/sys/user/max_mnt_namespaces; exec"

    named = _elsewhere(tmp_path, f"exec unshare --user --map-root-user sh -c '{forbid} \"$@\"' sh")

    assert named.startswith("no-mount-namespace The command names /pfs")
    assert "HEADWATER_INPUT" in named


_ELSEWHERE = """
import sys
from pathlib import Path
from headwater.pipelines.runtime import close
from tests.pipelines.runtime.runner import Runner, piece
runner = Runner(Path(sys.argv[1]))
result = runner.shell("cat /pfs/reviews/a.txt", [piece("a.txt", "input")]).one
print(f"{result.error.kind} {result.error.message} {result.error.hint}" if result.error else f"{result.state} {result.log.decode()}")
close()
"""


def _elsewhere(folder: Path, how: str) -> str:
    (folder / "objects").mkdir(exist_ok=True)
    folder.joinpath("objects").chmod(0o777)
    command = ["sh", "-c", f'{how} "$@"', "sh", sys.executable, "-c", _ELSEWHERE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path.cwd())
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_runs_on_after_a_command(runner: Runner) -> None:
    before = set(processes.descendants(os.getpid()))

    runner.shell("true", TWO)

    assert all(_is_launcher(pid) for pid in processes.descendants(os.getpid()) if pid not in before)


def _is_launcher(pid: int) -> bool:
    try:
        return b"headwater.pipelines.runtime.launch.launcher" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it is gone by now
        return True
