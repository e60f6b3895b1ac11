"""What a function is given: small files at once, large and lazy ones when asked for, folders of any size."""

import pytest

from headwater.pipelines.sets import Piece
from headwater.storage import PortableFile, PortablePart, content_hash
from tests.pipelines.runtime.runner import Runner, folder, piece, portable

LARGE = bytes(range(256)) * 2_000


def test_files_in_the_store_are_read_however_large(runner: Runner) -> None:
    files = {name: runner.stored(data) for name, data in (("small.txt", b"s" * 100), ("large.bin", LARGE))}
    pieces = [
        Piece(0, "reviews", name, is_folder=False, files=((name, file),)) for name, file in files.items()
    ]
    code = """
        def f(reviews, out):
            file = reviews.file
            local = file.local()
            assert local.name == file.name
            assert local.read_bytes() == file.read_bytes() == file.open().read()
            out.write("copy", file.read_bytes())
    """

    results = runner.function(code, pieces)

    assert results.files(0) == {"copy": b"s" * 100}
    assert results.files(1) == {"copy": LARGE}
    assert results.stats(1)["bytes_in"] == len(LARGE)


def test_files_of_middling_size_are_there_at_once_and_many_of_them_when_asked_for(runner: Runner) -> None:
    middling = LARGE[: 250 * 1024]
    code = """
        import os, pathlib

        def f(datums):
            read = [len(one.reviews.file.read_bytes()) for one in datums]
            laid = os.listdir(pathlib.Path(os.environ["TMPDIR"]).parent / "in")
            datums[0].out.write("seen", f"{sum(read)} {len(laid)}")
    """

    seen = [
        runner.function(code, [piece(f"{number}.bin", middling) for number in range(count)], batch=count)
        for count in (4, 80)
    ]

    few, many = (results.files(0)["seen"].decode().split() for results in seen)
    assert few == [str(4 * len(middling)), "0"]
    assert many[0] == str(80 * len(middling))
    assert 0 < int(many[1]) < 20  # what is beyond 16 MiB


def test_a_lazy_file_counts_when_it_is_read(runner: Runner) -> None:
    pieces = [piece(f"{name}.bin", LARGE, lazy=True) for name in ("read", "left")]
    code = """
        def f(reviews, out):
            if reviews.path == "read.bin":
                out.write("size", str(len(reviews.file.read_bytes())))
    """

    results = runner.function(code, pieces)

    assert results.files(0) == {"size": str(len(LARGE)).encode()}
    assert (results.stats(0)["bytes_in"], results.stats(1)["bytes_in"]) == (len(LARGE), 0)


def test_empty_files_have_names_and_sizes_only(runner: Runner) -> None:
    code = """
        def f(reviews, out):
            file = reviews.file
            out.write("x", f"{file.name} {file.size} {len(file.read_bytes())} {file.local().stat().st_size}")
    """

    results = runner.function(code, [piece("a.txt", "12345", empty=True)])

    assert results.files() == {"x": b"a.txt 5 0 0"}


def test_a_folder_of_many_files_is_listed_in_pages_and_not_laid_out(runner: Runner) -> None:
    shared = portable(b"same")
    held = tuple((f"all/{number:05}.txt", shared) for number in range(5_000))
    many = Piece(0, "reviews", "all", is_folder=True, files=held)
    code = """
        import os
        def f(reviews, out):
            count = sum(1 for file in reviews.files() if file.read_bytes() == b"same")
            laid = sum(len(files) for _, _, files in os.walk(os.path.join(os.environ["TMPDIR"], "..", "in")))
            out.write("x", f"{len(reviews)} {count} {laid}")
    """

    results = runner.function(code, [many])

    assert results.files() == {"x": b"5000 5000 0"}


def test_a_model_folder_is_laid_out_once_per_process_and_content(runner: Runner) -> None:
    model = folder("", {"weights.bin": LARGE * 3, "config.json": "{}"}, input="model")
    reviews = [piece(f"{number}.txt", "x") for number in range(4)]
    code = """
        def f(reviews, model, out):
            weights = model.folder / "weights.bin"
            out.write("x", f"{weights} {weights.stat().st_ino} {weights.stat().st_size}")
    """
    seen = [(number, 4) for number in range(4)]

    first = runner.function(code, [*reviews, model], seen=seen)
    second = runner.function(code, [*reviews, model], seen=seen[:1])

    places = {first.files(number)["x"] for number in range(4)}
    assert places == {second.files()["x"]}
    assert places.pop().endswith(str(len(LARGE) * 3).encode())


def test_inputs_cannot_be_written(runner: Runner) -> None:
    code = """
        def f(reviews, out):
            out.write("mode", oct(reviews.file.local().stat().st_mode & 0o777))
            reviews.file.open("w")
    """

    results = runner.function(code, [piece("a.txt", "x")])

    assert results.error()[0] == "invalid-function"
    assert "'a.txt' cannot be opened with the mode 'w'" in results.error()[1]


def test_a_file_that_is_not_alone_is_not_the_only_one(runner: Runner) -> None:
    results = runner.function(
        "def f(reviews, out): reviews.file", [folder("d", {"d/1.txt": "a", "d/2.txt": "b"})]
    )

    assert results.error()[1].startswith("The input 'reviews' has 2 files here, not one.")


@pytest.mark.parametrize("size", [10, 500_000])
def test_an_object_that_is_not_there_fails_its_datum_only(runner: Runner, size: int) -> None:
    gone = PortableFile(b"h" * 32, size, False, (PortablePart(b"h" * 32, size, None, "objects/00", 0, size),))
    pieces = [
        piece("1.txt", "one"),
        Piece(0, "reviews", "gone.txt", is_folder=False, files=(("gone.txt", gone),)),
        piece("2.txt", "two"),
    ]
    code = """
        def f(reviews, out):
            try:
                text = reviews.file.read_bytes()
            except Exception:
                text = b"the code goes on"
            out.write("x", text)
    """

    results = runner.function(code, pieces)

    assert results.states == ["succeeded", "failed", "succeeded"]
    assert results.error(1)[0] in {"object-not-found", "invalid-object-key"}


def test_bytes_that_are_not_what_was_written_fail_their_datum(runner: Runner) -> None:
    wrong = PortableFile(content_hash(b"a"), 1, False, (PortablePart(content_hash(b"a"), 1, b"b"),))

    results = runner.function(
        "def f(reviews, out): out.write('x', reviews.file.read_bytes())",
        [Piece(0, "reviews", "a.txt", is_folder=False, files=(("a.txt", wrong),)), piece("b.txt", "b")],
    )

    assert results.states == ["failed", "succeeded"]
    error = results.all[0].error
    assert error is not None
    assert (error.kind, error.stage, error.machine) == ("stored-bytes-corrupt", "reading", False)


def test_a_file_read_after_its_datum_is_over_says_so(runner: Runner) -> None:
    code = """
        kept = []
        def f(reviews, out):
            kept.append(reviews.file)
            if len(kept) == 2:
                kept[0].read_bytes()
    """

    first = runner.function(code, [piece("a.bin", LARGE)])
    second = runner.function(code, [piece("b.bin", LARGE + b"x")])

    assert first.states == ["succeeded"]
    assert second.error()[1].startswith("The datum of this file is over.")
