"""Whatever describes pipelines: texts, mappings, files, Python files, functions."""

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from headwater.errors import Error, InvalidInput
from headwater.pipelines.errors import InvalidSpec
from headwater.pipelines.spec import load

SHORT: dict[str, Any] = {
    "name": "upper",
    "input": {"files": {"repo": "reviews", "glob": "/*"}},
    "transform": {"command": ["tr", "a-z", "A-Z"]},
}
YAML = """
name: upper
input: {files: {repo: reviews, glob: "/*"}}
transform: {command: [tr, a-z, A-Z]}
"""


def test_yaml_json_and_a_mapping_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(YAML)
    (tmp_path / "a.json").write_text("\ufeff" + json.dumps(SHORT))
    sources: list[Any] = [
        YAML,
        YAML.encode(),
        json.dumps(SHORT),
        SHORT,
        [SHORT],
        tmp_path / "a.yaml",
        str(tmp_path / "a.json"),
    ]

    specs = [one.spec for source in sources for one in load(source)]

    assert len(specs) == len(sources)
    assert len({spec.canonical() for spec in specs}) == 1


def test_several_documents_of_either_form_may_follow_each_other() -> None:
    pachyderm = "pipeline: {name: b}\ninput: {pfs: {repo: c, glob: /}}\ntransform: {cmd: [a]}\n"

    assert [one.spec.name for one in load(f"{YAML}---\n{pachyderm}---\n")] == ["upper", "b"]


def test_one_name_twice_is_a_mistake() -> None:
    with pytest.raises(InvalidSpec, match=r"document 2, name.*'upper' is the name of document 1 too"):
        load([SHORT, SHORT])


def test_the_folder_of_the_code_is_beside_the_file_that_names_it(tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    (folder / "scripts").mkdir(parents=True)
    (folder / "scripts" / "run.sh").write_text("x")
    (folder / "spec.yaml").write_text(YAML.replace("[tr, a-z, A-Z]", "[sh, run.sh], code: scripts"))

    [loaded] = load(folder / "spec.yaml")

    assert loaded.code is not None
    assert [file.path for file in loaded.code.files] == ["run.sh"]
    assert loaded.spec.transform is not None
    assert loaded.spec.transform.code == "scripts"


def test_the_spec_itself_is_no_code(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("x")
    (tmp_path / "spec.yaml").write_text(YAML.replace("[tr, a-z, A-Z]", "[sh, run.sh], code: ."))

    [loaded] = load(tmp_path / "spec.yaml")

    assert loaded.code is not None
    assert [file.path for file in loaded.code.files] == ["run.sh"]


def test_a_script_beside_the_spec_that_would_not_be_stored_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text("")
    (tmp_path / "spec.yaml").write_text(YAML.replace("[tr, a-z, A-Z]", '"python run.py --x=1"'))

    with pytest.raises(InvalidSpec, match=r"'run\.py', a file beside the spec.*`code: \.`"):
        load(tmp_path / "spec.yaml")


def test_what_keeps_code_from_being_stored_is_one_of_the_mistakes(tmp_path: Path) -> None:
    one = {**SHORT, "name": "one", "transform": {"function": "nowhere_at_all:main"}}
    two = {**SHORT, "name": "two", "transform": {"command": ["a"], "code": "nowhere"}}

    with pytest.raises(InvalidSpec) as caught:
        load([one, two], folder=tmp_path)

    assert [mistake["field"] for mistake in caught.value.details] == [
        "document 1, transform.function",
        "document 2, transform.code",
    ]


def python(folder: Path, source: str, name: str = "steps.py") -> Path:
    (folder / name).write_text("import headwater as hw\n" + textwrap.dedent(source))
    return folder / name


def test_every_decorated_function_of_a_file_is_a_pipeline(tmp_path: Path) -> None:
    (tmp_path / "beside_it.py").write_text("WORD = 'x'\n")
    path = python(
        tmp_path,
        """
        import beside_it

        @hw.pipeline(input=hw.files("reviews"))
        def second_first(reviews, out): return beside_it.WORD

        alias = second_first

        @hw.pipeline(input=hw.files("second-first"), name="other")
        def first(second_first, out): ...

        def helper(): ...
        """,
    )

    loaded = load(path)

    assert [one.spec.name for one in loaded] == ["second-first", "other"]
    assert [one.code and [file.path for file in one.code.files] for one in loaded] == [
        ["beside_it.py", "steps.py"],
        ["beside_it.py", "steps.py"],
    ]
    assert loaded[0].spec.transform is not None
    assert loaded[0].spec.transform.function == "steps:second_first"


def test_files_of_two_folders_may_have_different_modules_of_one_name(tmp_path: Path) -> None:
    for number in ("1", "2"):
        folder = tmp_path / number
        folder.mkdir()
        (folder / "beside_it.py").write_text(f"NAME = 'made-{number}'\n")
        python(
            folder,
            """
            from beside_it import NAME
            @hw.pipeline(input=hw.files("reviews"), name=NAME)
            def f(reviews, out): ...
            """,
        )

    names = [load(tmp_path / number / "steps.py")[0].spec.name for number in ("1", "2")]

    assert names == ["made-1", "made-2"]


def test_another_pipelines_code_does_not_change_with_this_one(tmp_path: Path) -> None:
    form = """
    @hw.pipeline(input=hw.files("a"))
    def first(a, out): return {0}

    @hw.pipeline(input=hw.files("b"))
    def second(b, out): return 2
    """
    before = load(python(tmp_path, form.format(1)))

    after = load(python(tmp_path, form.format(100)))

    assert before[0].code != after[0].code
    assert before[1].code == after[1].code


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def f(): ...", "has no function that is a pipeline"),
        ("\n1/0\n", r"ZeroDivisionError: division by zero\. It happened in line 3"),
        ("def f(:\n", r"SyntaxError.*line 2"),
        ("import sys; sys.exit(3)", r"cannot be imported: SystemExit: 3\. It happened in line 2"),
        ("@hw.pipeline\ndef f(a, out): ...", r"Write `@headwater\.pipeline\(input=…\)` above"),
        ("@hw.pipeline()\ndef f(a, out): ...", r"Write `@headwater\.pipeline\(input=…\)` above"),
        ("@hw.spout\ndef f(out): ...", r"Write `@headwater\.spout\(\)` above"),
        (
            "@hw.pipeline(input=hw.files('a'), paralelism=2)\ndef f(a, out): ...",
            "Did you mean 'parallelism'",
        ),
        ("hw.pipelin", "no attribute 'pipelin'"),
        ("@hw.pipeline(input=hw.files('a'))\ndef f(out): ...", "lacks the parameter a"),
        (
            "@hw.pipeline(input=hw.files('a'))\ndef f(a, out): ...\n@hw.pipeline(input=hw.files('a'), name='f')\ndef g(a, out): ...",
            "two pipelines called 'f'",
        ),
    ],
)
def test_a_python_file_that_cannot_be_used_says_why(tmp_path: Path, source: str, told: str) -> None:
    with pytest.raises(Error, match=told):
        load(python(tmp_path, source))


@pytest.mark.parametrize("name", ["nowhere.yaml", "nowhere.py", "nowhere"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        load(str(tmp_path / name))


def test_a_folder_is_no_spec(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        load(tmp_path)


def test_a_function_without_a_decorator_is_told_to_have_one() -> None:
    with pytest.raises(InvalidSpec, match="is a function, but no pipeline"):
        load(python)


def test_a_number_describes_no_pipeline() -> None:
    source: Any = 5
    with pytest.raises(InvalidSpec, match="A int describes no pipeline"):
        load(source)
