"""What may be output: names, kinds of files, links, tables, and where large ones go."""

import io
import os

import pandas as pd
import pytest

from headwater.storage import NewFile, OutputStream, ReservationSpent, open_store
from tests.pipelines.runtime.runner import Runner, piece

ONE = [piece("a.txt", "input")]


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/passwd", "", ".", "a//b", "nul\0", "e\u0301.txt", "x" * 300, "a/"]
)
def test_a_name_that_no_file_may_have_is_refused(runner: Runner, name: str) -> None:
    results = runner.function(f"def f(reviews, out): out.write({name!r}, 'x')", ONE)

    assert results.error()[0] == "invalid-output"
    assert "score.py:1" in results.error()[1]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ln -s /etc/passwd leak", "neither an input nor an output"),
        ("ln -s /etc leak", "neither an input nor an output"),
        ("ln -s ../../../.. leak", "neither an input nor an output"),
        ("ln -s nowhere leak", "leads nowhere"),
        ("ln -s leak leak", "leads nowhere"),
        ("mkdir d; ln -s d leak", "a link to a folder"),
        ("mkfifo leak", "a named pipe"),
        ("python3 -c 'import socket; socket.socket(1).bind(\"leak\")'", "a socket"),
        ("touch $(printf 'leak\\377')", "not valid UTF-8"),
        ("touch \"$(printf 'two\\nlines\\377')\"", r"two\nlines\xff"),
        ("touch $(printf 'e\\314\\201')", "normal form C"),
        ("cd ..; rm -rf out; ln -s / out", "replaced by something else"),
        ("cd ..; rm -rf out", "folder is gone"),
    ],
)
def test_what_is_no_file_is_refused(runner: Runner, line: str, said: str) -> None:
    runner.function("def f(reviews, out): pass", ONE)
    results = runner.shell(f"cd $HEADWATER_OUTPUT; {line}", ONE)

    assert results.states == ["failed"]
    assert results.error()[0] == "invalid-output"
    assert said in results.error()[1]


def test_a_hostile_folder_of_a_function_is_refused_too(runner: Runner) -> None:
    code = """
        def f(reviews, out):
            if reviews.path == "bad.txt":
                (out.folder / "leak").symlink_to("/etc/passwd")
            else:
                (out.folder / "copy").symlink_to(reviews.file.local())
    """

    results = runner.function(code, [piece("bad.txt", "x"), piece("good.txt", "good")])

    assert results.states == ["failed", "succeeded"]
    assert results.files(1) == {"copy": b"good"}


def test_links_to_inputs_and_outputs_are_stored_as_files(runner: Runner) -> None:
    line = "cd $HEADWATER_OUTPUT; ln -s $reviews one; ln -s one two; ln $reviews three; ln -s ../in/reviews/a.txt four"

    results = runner.shell(line, ONE)

    assert results.files() == dict.fromkeys(("one", "two", "three", "four"), b"input")


def test_files_keep_their_executable_bit_and_empty_folders_go(runner: Runner) -> None:
    results = runner.shell(
        "cd $HEADWATER_OUTPUT; mkdir -p empty/deep d; echo x > d/run; chmod +x d/run; : > d/none", ONE
    )

    assert [(file.path, file.file.executable) for file in results.one.files] == [
        ("d/none", False),
        ("d/run", True),
    ]


def test_a_folder_so_deep_that_no_path_fits_is_refused(runner: Runner) -> None:
    results = runner.shell("cd $HEADWATER_OUTPUT; for i in $(seq 600); do mkdir dd; cd dd; done; : > f", ONE)

    assert results.error()[0] == "invalid-output"


def test_a_file_and_a_folder_of_one_name_are_refused(runner: Runner) -> None:
    code = (
        "def f(reviews, out):\n    out.write('a-b', '')\n    out.write('a', '1')\n    out.write('a/b', '2')\n"
    )

    results = runner.function(code, ONE)

    assert results.error() == ("invalid-output", "The output 'a' is a file, and 'a/b' lies below it.")


def test_text_bytes_and_the_folder_are_one_output(runner: Runner) -> None:
    code = """
        def f(reviews, out):
            out.write("first", "ä")
            (out.folder / "second").write_bytes(b"2")
            out.write("d/third", bytearray(b"3"))
            out.write("first", b"replaced")
            out.write("v.json", {"a": [1, None]})
    """

    results = runner.function(code, ONE)

    assert results.files() == {
        "first": b"replaced",
        "second": b"2",
        "d/third": b"3",
        "v.json": b'{"a": [1, null]}',
    }


def test_data_frames_become_what_the_name_says(runner: Runner) -> None:
    code = """
        import pandas as pd, polars as pl
        def f(reviews, out):
            table = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
            out.write("t.csv", table)
            out.write("t.parquet", table)
            out.write("t.json", table)
            out.write("p.json", pl.DataFrame({"a": [1]}))
    """

    files = runner.function(code, ONE).files()

    assert files["t.csv"] == b"a,b\n1,x\n2,y\n"
    assert files["t.json"] == b'[{"a":1,"b":"x"},{"a":2,"b":"y"}]'
    assert files["p.json"] == b'[{"a": 1}]'
    assert pd.read_parquet(io.BytesIO(files["t.parquet"])).shape == (2, 2)


@pytest.mark.parametrize("data", ["object()", "3", "{'a': 1}"])
def test_what_is_no_content_is_refused(runner: Runner, data: str) -> None:
    results = runner.function(f"def f(reviews, out): out.write('x.txt', {data})", ONE)

    assert results.error()[0] == "invalid-output"
    assert "'x.txt' was given" in results.error()[1]


def test_large_outputs_of_many_datums_share_segments(runner: Runner) -> None:
    code = """
        def f(reviews, out):
            out.write("big", reviews.path.encode() * 100_000)
            (out.folder / "more").write_bytes(b"m" * 1_200_000)
    """

    results = runner.function(code, [piece(f"{number}.txt", "x") for number in range(3)])

    assert results.states == ["succeeded"] * 3
    assert len(results.set.segments) == 1
    assert results.files(2) == {"big": b"2.txt" * 100_000, "more": b"m" * 1_200_000}


def test_small_outputs_ride_until_they_are_many(tmp_path: os.PathLike[str], runner: Runner) -> None:
    stream = OutputStream(open_store(runner.store), runner.reservation(1))

    stored = [stream.add([NewFile(f"{number}", bytes([number]) * 200_000)])[0] for number in range(8)]

    assert [file.place is None for file in stored] == [True] * 5 + [False] * 3
    assert len(stream.finish()) == 1


def test_datums_that_need_more_segments_than_reserved_are_handed_out_again(runner: Runner) -> None:
    code = "import os\ndef f(reviews, out): out.write('big', os.urandom(9_000_000))\n"

    results = runner.function(code, [piece(f"{number}.txt", "x") for number in range(4)], segments=4)

    assert sorted(set(results.states), reverse=True) == ["succeeded", "not-run"]
    assert results.states == sorted(results.states, reverse=True)
    assert len(results.files(0)["big"]) == 9_000_000


def test_one_datum_that_alone_needs_more_than_reserved_fails(runner: Runner) -> None:
    code = "import os\ndef f(reviews, out): out.write('big', os.urandom(20_000_000))\n"

    results = runner.function(code, ONE, segments=1)

    assert results.error()[0] == ReservationSpent.kind
