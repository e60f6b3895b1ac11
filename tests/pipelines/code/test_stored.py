"""Stored code has a root, and a fingerprint that is frozen in docs/format/commits.md."""

import re
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import pytest

from headwater.pipelines.code import (
    CodeBundle,
    capture_folder,
    environment,
    environment_now,
    fingerprint,
    write,
)
from headwater.pipelines.code.errors import PackageMissing
from headwater.pipelines.spec import Transform
from headwater.storage import Storage

PAGE = Path(__file__).parents[3] / "docs" / "format" / "commits.md"
RUN = Transform(command=("python", "run.py"), stdin=("a", "b"), accept=(3, 1), working_folder="w")


def test_equal_files_give_equal_roots_whatever_was_stored_before(tmp_path: Path, storage: Storage) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "large.bin").write_bytes(bytes(2_000_000))
    bundle = capture_folder(folder)

    first, second = write(storage.writer(), bundle), write(storage.writer(), bundle)

    assert first.root_hash == second.root_hash
    assert [(entry.path, entry.size, entry.executable) for entry in first.entries()] == [
        ("large.bin", 2_000_000, False),
        ("run.sh", 10, True),
    ]


def test_no_files_are_the_empty_tree(storage: Storage) -> None:
    assert write(storage.writer(), CodeBundle()).root_hash == storage.tree(None).root_hash


def test_the_fingerprint_is_the_one_of_the_format() -> None:
    found = fingerprint(bytes(range(32)), RUN, {"torch": "2.13.0", "python": "CPython 3.11.7"})

    assert re.search(rf"`{found}`", PAGE.read_text("utf-8")), found


@pytest.mark.parametrize(
    "other",
    [
        Transform(command=("python", "run.py", ""), stdin=("a", "b"), accept=(3, 1), working_folder="w"),
        Transform(command=("python",), stdin=("run.py", "a", "b"), accept=(3, 1), working_folder="w"),
        Transform(command=("python", "run.py"), stdin=("ab",), accept=(3, 1), working_folder="w"),
        Transform(command=("python", "run.py"), stdin=("a", "b"), accept=(1,), working_folder="w"),
        Transform(command=("python", "run.py"), stdin=("a", "b"), accept=(3, 1)),
        Transform(function="run:main"),
    ],
)
def test_another_call_is_other_code(other: Transform) -> None:
    assert fingerprint(b"", other, {}) != fingerprint(b"", RUN, {})


def test_what_changes_no_result_is_no_code() -> None:
    same = Transform(
        command=RUN.command,
        stdin=RUN.stdin,
        accept=(1, 3, 3),
        working_folder="w",
        env={"A": "1"},
        secrets={"KEY": "env:KEY"},
        recovery=("true",),
        code="elsewhere",
    )

    assert fingerprint(b"", same, {}) == fingerprint(b"", RUN, {})


def test_a_function_depends_on_the_interpreter_and_what_it_imports_and_declares() -> None:
    found = environment(Transform(function="a:b", packages=("Msgspec",)), ["yaml", "no_such_module"])

    assert found == {
        "python": f"CPython {python_version()}",
        "msgspec": version("msgspec"),
        "pyyaml": version("pyyaml"),
    }


@pytest.mark.parametrize(
    ("command", "is_python"),
    [
        (("python3.11", "run.py"), True),
        (("/usr/bin/python", "-c", "1"), True),
        (("./run.py",), True),
        (("sh", "-c", "cd x && python run.py"), True),
        (("sh", "-c", "echo pythonic"), False),
        (("Rscript", "run.R"), False),
    ],
)
def test_a_command_depends_on_the_interpreter_if_it_starts_it(
    command: tuple[str, ...], *, is_python: bool
) -> None:
    assert ("python" in environment(Transform(command=command))) == is_python


def test_a_declared_package_that_is_missing_is_named() -> None:
    with pytest.raises(PackageMissing, match="'no-such-thing'"):
        environment(Transform(function="a:b", packages=("no-such-thing",)))


def test_a_stored_environment_is_looked_up_again_by_its_names() -> None:
    stored = {"python": "CPython 2.7", "msgspec": "0.1", "gone-by-now": "1.0"}

    assert environment_now(stored) == {
        "python": f"CPython {python_version()}",
        "msgspec": version("msgspec"),
        "gone-by-now": "",
    }


def test_an_image_that_no_tool_knows_stands_for_itself() -> None:
    transform = Transform(command=("python",), image="registry.invalid/nothing:1")

    assert environment(transform) == {"image": "registry.invalid/nothing:1"}
