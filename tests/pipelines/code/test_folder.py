"""A folder is stored as code without what tools leave in it."""

from pathlib import Path

import pytest

from headwater.errors import InvalidInput
from headwater.pipelines.code import capture_folder
from headwater.pipelines.code.bundle import MOST_BYTES
from headwater.pipelines.code.errors import CodeTooLarge, CodeUncaptured
from headwater.pipelines.code.folder import read_rule


def put(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        place = folder / name.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return folder


def paths(folder: Path) -> list[str]:
    return [file.path for file in capture_folder(folder).files]


def test_files_stand_under_their_paths_in_the_order_of_bytes(tmp_path: Path) -> None:
    for name in ("b.py", "B.py", "a/z.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)

    bundle = capture_folder(tmp_path)

    assert [(file.path, file.data) for file in bundle.files] == [
        ("B.py", b"B.py"),
        ("a/z.py", b"a/z.py"),
        ("b.py", b"b.py"),
    ]


@pytest.mark.parametrize(
    "left", [".git/config", ".venv/bin/python", "pkg/__pycache__/a.pyc", ".env", "a.pyc", ".mypy_cache/x"]
)
def test_what_tools_leave_behind_stays_behind(tmp_path: Path, left: str) -> None:
    (tmp_path / left).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / left).write_text("left")
    (tmp_path / "run.py").write_text("")

    assert paths(tmp_path) == ["run.py"]


def test_the_ignore_file_leaves_out_and_takes_back(tmp_path: Path) -> None:
    put(tmp_path, **{"run.py": "", "data__big.csv": "", "data__small.csv": "", "notes.md": ""})
    (tmp_path / ".headwaterignore").write_text("# not code\n*.md\n/data/*\n!/data/small.csv\n")

    assert paths(tmp_path) == ["data/small.csv", "run.py"]


@pytest.mark.parametrize(
    ("line", "name", "matches"),
    [
        ("*.csv", "a/b.csv", True),
        ("/*.csv", "a/b.csv", False),
        ("a/**/c", "a/x/y/c", True),
        ("a/**/c", "a/c", True),
        ("a/**", "a/x/y", True),
        ("[!a]?.txt", "bc.txt", True),
        ("[!a]?.txt", "ac.txt", False),
        (r"\#x", "#x", True),
    ],
)
def test_a_line_means_what_it_means_to_git(line: str, name: str, *, matches: bool) -> None:
    rule = read_rule(line)

    assert rule is not None
    assert bool(rule.pattern.fullmatch(name)) == matches


def test_a_program_stays_one(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "run.sh").chmod(0o755)

    assert capture_folder(tmp_path).files[0].executable


def test_a_link_to_a_file_of_the_folder_is_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").symlink_to("a.txt")

    assert [file.data for file in capture_folder(tmp_path).files] == [b"a", b"a"]


def test_a_link_that_leaves_the_folder_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "link.txt").symlink_to("../outside.txt")

    with pytest.raises(CodeUncaptured, match=r"'link\.txt' in it leads out of it"):
        capture_folder(folder)


def test_a_link_to_a_folder_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "loop").symlink_to(".")

    with pytest.raises(CodeUncaptured, match="'loop' in it leads to a folder"):
        capture_folder(tmp_path)


def test_data_beside_the_code_is_named_as_too_large(tmp_path: Path) -> None:
    with (tmp_path / "weights.bin").open("wb") as file:
        file.truncate(MOST_BYTES + 1)

    with pytest.raises(CodeTooLarge) as caught:
        capture_folder(tmp_path)

    assert "'weights.bin'" in caught.value.message
    assert ".headwaterignore" in caught.value.hint


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nowhere"):
        capture_folder(tmp_path / "nowhere")


def test_a_line_of_the_ignore_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"The line 'data/\[z-a\]' of .headwaterignore cannot be read"):
        read_rule("data/[z-a]")
