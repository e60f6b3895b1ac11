"""docs/pipeline-spec.md says what is true: its examples load, and its tables name every field."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headwater.pipelines.spec import PipelineSpec, own, own_inputs, read_document
from headwater.pipelines.spec.document import read_documents
from headwater.pipelines.spec.foreign import NOTED, PFS_REFUSED, REFUSED, TRANSFORM_NOTED, TRANSFORM_REFUSED
from headwater.pipelines.spec.python import declared

PAGE = (Path(__file__).parents[3] / "docs" / "pipeline-spec.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
DATA = [text for language, text in BLOCKS if language in {"yaml", "json"}]
PYTHON = [text for language, text in BLOCKS if language == "python"]
SHORT: dict[str, Any] = {
    "name": "example",
    "input": {"files": {"repo": "reviews"}},
    "transform": {"command": ["true"]},
}


def read(document: Any) -> PipelineSpec:
    """Reads a document; a part of one is put into a short one."""
    return read_document(document if {"name", "pipeline"} & document.keys() else {**SHORT, **document})


@pytest.mark.parametrize("text", DATA)
def test_an_example_of_a_file_loads(text: str) -> None:
    documents = read_documents(text)

    assert documents
    assert all(read(one.value) for one in documents)


@pytest.mark.parametrize("text", PYTHON)
def test_an_example_in_python_runs(text: str) -> None:
    scope: dict[str, Any] = {"__name__": "example"}

    exec(compile(text, "example.py", "exec"), scope)  # noqa: S102 - the page's own code

    assert any(declared(value) for value in scope.values())


@pytest.mark.parametrize(
    ("heading", "fields"),
    [
        ("## The fields", {*own.FIELDS} - {"kind"}),
        ("## Input", {*own_inputs.FILES, *own_inputs.CRON}),
        ("## Transform", {*own.TRANSFORM}),
    ],
)
def test_every_field_has_a_row(heading: str, fields: set[str]) -> None:
    section = PAGE.split(f"{heading}\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]

    assert {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)} == fields


def test_every_foreign_field_is_told() -> None:
    section = PAGE.split("## Pachyderm's specs\n")[1]
    known = {*NOTED, *REFUSED, *TRANSFORM_NOTED, *TRANSFORM_REFUSED, *PFS_REFUSED}

    assert [name for name in sorted(known) if name not in section and not name.startswith("sidecar_")] == []


def test_a_field_of_the_spec_can_be_written() -> None:
    fields = {field.name.removesuffix("_s") for field in msgspec.structs.fields(PipelineSpec)}

    assert fields - {"parameters"} == set(own.FIELDS)
