"""A function is stored with its module and the user's own modules that this imports, and no others."""

import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from headwater.errors import InvalidInput
from headwater.pipelines.code import CodeBundle, capture_function, capture_module
from headwater.pipelines.code.errors import CodeUncaptured

LIMIT = 3
PATTERN = re.compile("a+")


def write(folder: Path, **sources: str) -> None:
    for name, source in sources.items():
        place = folder / f"{name}.py"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(source))


@pytest.fixture
def function_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Any]]:
    """Imports a module of the temporary folder and returns a function of it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made = []

    def find(module: str, name: str) -> Any:
        spec = spec_from_file_location(module, tmp_path / f"{module.replace('.', '/')}.py")
        assert spec is not None
        assert spec.loader is not None
        found = module_from_spec(spec)
        sys.modules[module] = found
        made.append(module)
        spec.loader.exec_module(found)
        return getattr(found, name)

    yield find
    for module in made:
        sys.modules.pop(module, None)


def sources(bundle: CodeBundle) -> dict[str, str]:
    return {file.path: file.data.decode() for file in bundle.files}


def test_a_module_comes_with_the_modules_that_it_imports_and_those_that_they_import(
    tmp_path: Path, function_of: Callable[[str, str], Any]
) -> None:
    write(
        tmp_path,
        cap_steps="from cap_lib import words\nimport json, msgspec\ndef clean(x, out): return words(x)\n",
        **{
            "cap_lib/__init__": "from cap_lib.inner import split as words\n",
            "cap_lib/inner": "from . import deep\ndef split(x): return deep.cut(x)\n",
            "cap_lib/deep": "def cut(x):\n    import yaml\n    return x.split()\n",
            "cap_lib/unused": "",
        },
    )

    bundle = capture_function(function_of("cap_steps", "clean"))

    assert list(sources(bundle)) == [
        "cap_lib/__init__.py",
        "cap_lib/deep.py",
        "cap_lib/inner.py",
        "cap_steps.py",
    ]
    assert bundle.function == "cap_steps:clean"
    assert bundle.imports == ("msgspec", "yaml")


def test_a_function_of_a_package_comes_with_the_packages_above_it(
    tmp_path: Path, function_of: Callable[[str, str], Any]
) -> None:
    write(tmp_path, **{"cap_top/__init__": "", "cap_top/steps": "def clean(x, out): ...\n"})

    bundle = capture_function(function_of("cap_top.steps", "clean"))

    assert list(sources(bundle)) == ["cap_top/__init__.py", "cap_top/steps.py"]
    assert bundle.function == "cap_top.steps:clean"


def test_how_a_pipeline_runs_is_no_code(tmp_path: Path, function_of: Callable[[str, str], Any]) -> None:
    form = """
        import headwater as hw

        @hw.pipeline(
            input=hw.files("reviews"),
            parallelism={n},
        )
        def clean(reviews, out):
            return 1

        if __name__ == "__main__":
            print({n})
        """
    write(tmp_path, cap_one=form.format(n=1))
    once = capture_function(function_of("cap_one", "clean"))
    write(tmp_path, cap_one=form.format(n=1_000_000))

    again = capture_function(function_of("cap_one", "clean"))

    assert again == once
    assert "parallelism" not in sources(once)["cap_one.py"]
    assert "def clean(reviews, out):\n    return 1" in sources(once)["cap_one.py"]


def test_another_pipeline_of_the_file_is_no_code_unless_it_is_called(
    tmp_path: Path, function_of: Callable[[str, str], Any]
) -> None:
    write(
        tmp_path,
        cap_two="""
        from headwater import files, pipeline

        @pipeline(input=files("a"))
        def first(a, out): return helped(a)

        @pipeline(input=files("b"))
        def second(b, out): return 2

        @pipeline(input=files("c"))
        def third(c, out): return first(c, out)

        def helped(x): return x
        """,
    )

    alone = sources(capture_function(function_of("cap_two", "first")))["cap_two.py"]
    calling = sources(capture_function(function_of("cap_two", "third")))["cap_two.py"]

    assert "def second" not in alone
    assert "def third" not in alone
    assert "def helped" in alone
    assert "def first" in calling
    assert "def second" not in calling


def test_a_setup_of_another_module_comes_too(tmp_path: Path, function_of: Callable[[str, str], Any]) -> None:
    write(
        tmp_path, cap_model="def load(): ...\n", cap_run="from cap_model import load\ndef run(x, out): ...\n"
    )

    bundle = capture_function(function_of("cap_run", "run"), setup=function_of("cap_model", "load"))

    assert (bundle.function, bundle.setup) == ("cap_run:run", "cap_model:load")
    assert list(sources(bundle)) == ["cap_model.py", "cap_run.py"]


def test_a_decorator_that_wraps_leaves_the_function_where_it_is(
    tmp_path: Path, function_of: Callable[[str, str], Any]
) -> None:
    write(
        tmp_path,
        cap_wrapped="""
        import contextlib, functools

        def loud(f):
            @functools.wraps(f)
            def inner(*args): return f(*args)
            return inner

        @loud
        def clean(x, out): ...
        """,
    )

    bundle = capture_function(function_of("cap_wrapped", "clean"))

    assert bundle.function == "cap_wrapped:clean"


def test_an_installed_function_is_named_and_not_stored() -> None:
    bundle = capture_function(textwrap.dedent)

    assert bundle.files == ()
    assert (bundle.function, bundle.imports) == ("textwrap:dedent", ("textwrap",))


def test_a_function_within_a_function_takes_the_values_it_uses_along() -> None:
    limit = {"most": [1, 2, (3, None)]}

    def helper(x: str) -> int:
        return len(x) + LIMIT

    def nested(reviews: Any, out: Path) -> str:
        return json.dumps([helper(reviews), limit, sorted(textwrap.dedent("a"))])

    bundle = capture_function(nested)
    scope: dict[str, Any] = {}
    exec(compile(bundle.files[0].data, "interactive.py", "exec"), scope)  # noqa: S102 - what was captured runs

    assert bundle.function == "interactive:nested"
    assert scope["nested"]("ab", Path()) == nested("ab", Path())


def test_a_class_in_reach_of_a_nested_function_comes_with_its_source() -> None:
    class Counter:
        start: int = 5

        def count(self, x: str) -> int:
            return self.start + len(x)

    def nested(reviews: str, out: Any) -> int:
        return Counter().count(reviews)

    scope: dict[str, Any] = {}
    exec(capture_function(nested).files[0].data, scope)  # noqa: S102 - what was captured runs

    assert scope["nested"]("ab", None) == 7


def test_an_open_file_is_refused_by_its_name() -> None:
    opened = sys.stdout

    def nested(reviews: str, out: Any) -> None:
        opened.write(reviews)

    with pytest.raises(CodeUncaptured) as caught:
        capture_function(nested)

    assert "'opened', which it uses, is a " in caught.value.message
    assert "setup" in caught.value.hint


def test_what_a_module_has_at_its_top_is_imported_from_there() -> None:
    def nested(reviews: str, out: Any) -> Any:
        return PATTERN.findall(reviews)

    bundle = capture_function(nested)

    source = sources(bundle)["interactive.py"]
    assert f"from {__name__} import PATTERN\n" in source
    assert f"{__name__.replace('.', '/')}.py" in sources(bundle)


def test_a_module_that_was_started_keeps_its_package(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "pack/__init__": "",
            "pack/words": "def split(x): return x.split()\n",
            "pack/run": """
            from headwater.pipelines.code import capture_function
            from .words import split
            def clean(x, out): return split(x)
            bundle = capture_function(clean)
            print(bundle.function, *(file.path for file in bundle.files))
            """,
        },
    )

    ended = subprocess.run(
        [sys.executable, "-m", "pack.run"], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert ended.stdout.split() == ["pack.run:clean", "pack/__init__.py", "pack/run.py", "pack/words.py"]


def test_a_lambda_is_refused_by_its_name() -> None:
    double: Callable[[int], int] = lambda x: x * 2  # noqa: E731 - what is refused

    def nested(reviews: int, out: Any) -> int:
        return double(reviews)

    with pytest.raises(CodeUncaptured, match="'double' is a lambda"):
        capture_function(nested)


def test_a_value_too_large_for_code_is_refused() -> None:
    vocabulary = list(range(100_000))

    def nested(reviews: int, out: Any) -> int:
        return vocabulary[reviews]

    with pytest.raises(CodeUncaptured, match="'vocabulary', which it uses, is too large"):
        capture_function(nested)


def test_a_function_of_a_prompt_says_that_its_source_is_not_remembered() -> None:
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec("def typed(reviews, out): ...", scope)  # noqa: S102 - as a prompt does

    with pytest.raises(CodeUncaptured, match="does not remember the source of 'typed'"):
        capture_function(scope["typed"])


def test_a_cell_of_a_notebook_is_a_module_of_what_it_uses() -> None:
    import linecache

    cell = "import json as j\nSIZE = 4\ndef cut(x): return j.dumps(x[:SIZE])\ndef celled(reviews, out): return cut(reviews)\n"
    linecache.cache["<cell 1>"] = (len(cell), None, cell.splitlines(keepends=True), "<cell 1>")
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(cell, "<cell 1>", "exec"), scope)  # noqa: S102 - as a notebook does

    source = capture_function(scope["celled"]).files[0].data.decode()

    again: dict[str, Any] = {}
    exec(source, again)  # noqa: S102 - what was captured runs
    assert again["celled"]("abcdef", None) == '"abcd"'
    assert "import json as j\n" in source


def test_a_started_program_gives_what_its_function_needs_and_does_not_run_again(tmp_path: Path) -> None:
    write(
        tmp_path,
        lib="def words(x): return x.split()\n",
        program="""
        from __future__ import annotations
        import json, re
        import headwater as hw
        from headwater.pipelines.code import capture_function
        from lib import words
        from pathlib import Path

        PATTERN = re.compile("a+")
        RULES = {}
        RULES["a"] = PATTERN
        unused = Path("/nowhere")
        files = "not needed"

        class Counter:
            def count(self, x): return len(words(x))

        def used(x): return Counter().count(x), RULES

        @hw.pipeline(input=hw.files("reviews"))
        def clean(reviews, out):
            return used(reviews)

        bundle = capture_function(clean)
        print(json.dumps([bundle.function, bundle.imports, {f.path: f.data.decode() for f in bundle.files}]))
        """,
    )

    ended = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    function, imports, files = json.loads(ended.stdout)
    assert (function, imports, sorted(files)) == ("program:clean", [], ["lib.py", "program.py"])
    kept = files["program.py"]
    assert 'RULES["a"] = PATTERN' in kept
    assert "class Counter" in kept
    for gone in ("unused", "bundle", "hw.", "print", "not needed", "__main__"):
        assert gone not in kept
    compile(kept, "program.py", "exec")


def test_a_module_is_found_from_a_folder_without_being_run(tmp_path: Path) -> None:
    write(tmp_path, cap_spec="raise SystemExit\ndef main(x, out): ...\nimport cap_beside\n", cap_beside="")

    bundle = capture_module("cap_spec:main", tmp_path)

    assert list(sources(bundle)) == ["cap_beside.py", "cap_spec.py"]


def test_a_folder_is_stored_whole_where_that_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path, cap_spec="import yaml\ndef main(x, out): ...\n", other="import attrs\n")
    (tmp_path / "words.txt").write_text("a")

    bundle = capture_module("cap_spec:main", tmp_path, whole=True)

    assert list(sources(bundle)) == ["cap_spec.py", "other.py", "words.txt"]
    assert bundle.imports == ("yaml",)


def test_a_missing_function_is_answered_with_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, cap_spec="def main(x, out): ...\n")

    with pytest.raises(InvalidInput, match="'mian'") as caught:
        capture_module("cap_spec:mian", tmp_path)

    assert "Did you mean 'main'?" in caught.value.hint


def test_a_missing_module_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no module 'cap_nowhere'"):
        capture_module("cap_nowhere:main", tmp_path)


def test_a_module_that_is_no_python_is_named(tmp_path: Path) -> None:
    write(tmp_path, cap_broken="def main(:\n")

    with pytest.raises(InvalidInput, match="'cap_broken' is no Python"):
        capture_module("cap_broken:main", tmp_path)
