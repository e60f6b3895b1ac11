"""The spec and its canonical bytes."""

import pytest

from headwater.pipelines import FilesInput, InvalidSpec, OutputSpec, PipelineSpec
from headwater.pipelines.errors import SpecTooNew
from headwater.pipelines.spec import read_spec


def spec(**parameters: object) -> PipelineSpec:
    return PipelineSpec(
        name="models/iris",
        kind="train",
        input=FilesInput(name="data", repo="iris", glob="/iris.csv"),
        output=OutputSpec(repo="models/iris"),
        parameters=dict(parameters),
    )


def test_equal_specs_have_equal_bytes_whatever_the_order_they_were_written_in() -> None:
    assert spec(a=1, b={"x": 1, "y": 2}).canonical() == spec(b={"y": 2, "x": 1}, a=1).canonical()


def test_a_spec_read_back_is_the_spec() -> None:
    assert read_spec(spec(a=1).canonical()) == spec(a=1)


def test_a_stored_spec_with_a_field_of_later_names_it_and_what_to_do() -> None:
    with pytest.raises(SpecTooNew, match="colour") as caught:
        read_spec(b'{"name": "x", "colour": 1}')

    assert "Upgrade this machine" in caught.value.hint


def test_bytes_that_are_no_spec_are_refused_with_what_to_do() -> None:
    with pytest.raises(InvalidSpec) as caught:
        read_spec(b'{"name": ')

    assert "Submit it again" in caught.value.hint
