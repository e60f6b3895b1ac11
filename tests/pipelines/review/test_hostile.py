"""What somebody may write, on purpose or not, that must be told and do no harm."""

import pytest

from headwater.cli.texts import printable
from headwater.pipelines.errors import InvalidSpec
from headwater.pipelines.spec import load
from tests.pipelines.runtime.conftest import runner
from tests.pipelines.runtime.runner import Runner, piece

__all__ = ["runner"]

SPEC = "name: p\ninput: {files: {repo: a}}\ntransform: {command: ['true'], %s}\n"
LARGE = bytes(range(256)) * 2_000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: p\nparallelism: " + "1" * 5_000, "too many digits"),
        ('{"name": "p", "parallelism": ' + "1" * 5_000 + "}", "too many digits"),
        (SPEC % "" + "parallelism: 0x" + "f" * 5_000, "no number here is larger"),
        (SPEC % "" + "priority: 99999999999", "no number here is larger"),
        (SPEC % "" + "datum_tries: 1e300", "no number here is larger"),
        (SPEC % "" + "resources: {memory: 99999999999999999999}", "no machine has so many"),
        (SPEC % "" + "resources: {memory: 99999999E}", "no machine has so many"),
        (SPEC % "image: --privileged", "no name of an image"),
        (SPEC % "image: '-v/:/host'", "no name of an image"),
        (SPEC % 'env: {A: "a\\0b"}', "zero byte"),
        (SPEC % 'stdin: ["a\\0b"]', "zero byte"),
    ],
)
def test_a_spec_that_no_machine_can_carry_out_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidSpec, match=words):
        load(text)


@pytest.mark.parametrize("seen", [[(0,), (1,)], [(0, 2), (0, 3)]])
def test_code_that_changes_its_input_changes_it_for_no_other_datum(
    runner: Runner, seen: list[tuple[int, ...]]
) -> None:
    pieces = [piece("a.bin", LARGE), piece("b.bin", LARGE), piece("c", "c", input="more")]
    pieces.append(piece("d", "d", input="more"))
    code = """
        import os
        def f(reviews, out, more=None):
            place = reviews.file.local()
            out.write("size", str(len(place.read_bytes())))
            os.chmod(place, 0o600)
            with open(place, "r+b") as file:
                file.truncate(10)
    """

    results = runner.function(code, pieces, seen=seen)

    assert [results.files(number) for number in range(2)] == [{"size": str(len(LARGE)).encode()}] * 2


def test_names_that_would_act_on_a_terminal_are_written_out() -> None:
    assert printable("a\x1b[2Jb\nc\u202ed") == r"a\x1b[2Jb\nc\u202ed"
    assert printable("naïve 文 👩‍💻.txt") == "naïve 文 👩‍💻.txt"
