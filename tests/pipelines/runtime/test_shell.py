"""A datum's inputs as folders, and a shell in them."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from headwater.pipelines.runtime import lay_out, prepare_shell
from headwater.pipelines.sets import Recipe
from headwater.pipelines.spec import Transform
from headwater.storage import open_store
from tests.pipelines.runtime.runner import Runner, folder, piece, portable

PIECES = [
    folder("d", {"d/a.txt": "a", "d/deep/b.txt": "b"}, lazy=True),
    piece("m.bin", "model", input="model"),
]


def recipe(transform: Transform, **options: Any) -> Recipe:
    code = tuple((name, portable(text.encode())) for name, text in options.pop("code", {}).items())
    return Recipe(transform, ("reviews", "model"), "c", code, {"HEADWATER_JOB": "job-1"}, {"KEY": "secret"})


def test_inputs_lie_at_their_paths(runner: Runner, tmp_path: Path) -> None:
    place = tmp_path / "datum"
    place.mkdir()

    lay_out(PIECES, open_store(runner.store), place)

    found = {str(file.relative_to(place)): file.read_text() for file in place.rglob("*") if file.is_file()}
    assert found == {"reviews/d/a.txt": "a", "reviews/d/deep/b.txt": "b", "model/m.bin": "model"}
    assert (place / "model" / "m.bin").stat().st_mode & 0o777 == 0o444


def test_a_shell_has_what_a_command_would_have(runner: Runner, tmp_path: Path) -> None:
    place = tmp_path / "datum"
    place.mkdir()
    made = recipe(Transform(command=("./x",), env={"MODE": "fast"}), code={"words.txt": "words"})

    shell = prepare_shell(made, PIECES, place, open_store(runner.store))

    lines = "cat $model words.txt; echo $MODE $KEY $HEADWATER_JOB; echo x > $HEADWATER_OUTPUT/x; cat /pfs/reviews/d/a.txt"
    done = subprocess.run(
        shell.argv,
        input=lines,
        env=dict(shell.environment),
        cwd=shell.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "modelwordsfast secret job-1\na"
    assert (place / "out" / "x").read_text() == "x\n"


def test_a_shell_of_a_function_imports_its_code(runner: Runner, tmp_path: Path) -> None:
    place = tmp_path / "datum"
    place.mkdir()
    made = recipe(
        Transform(function="score:f"), code={"score.py": "def f(reviews, model, out): return 'scored'\n"}
    )

    shell = prepare_shell(made, PIECES, place, open_store(runner.store))

    lines = "cd /; python3 -c 'import score; print(score.f(1, 2, 3))'"
    done = subprocess.run(
        shell.argv,
        input=lines,
        env=dict(shell.environment),
        cwd=shell.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "scored\n"


@pytest.mark.parametrize("name", ["CALLS", "run_set", "Input", "prepare_shell"])
def test_public_names_load_when_they_are_used(name: str) -> None:
    from headwater.pipelines import runtime

    assert getattr(runtime, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = runtime.nothing
