"""A decorated function is a pipeline, and still a function."""

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import headwater as hw
from headwater.pipelines.errors import InvalidSpec
from headwater.pipelines.spec import (
    BranchTrigger,
    CronInput,
    CrossInput,
    Egress,
    FilesInput,
    GroupInput,
    JoinInput,
    OutputSpec,
    Resources,
    Service,
    Spout,
    UnionInput,
    load,
)


def load_model() -> str:
    return "model"


@hw.pipeline(
    input=hw.cross(reviews=hw.files("reviews", glob="/*"), model=hw.files("sentiment", reference=True)),
    parallelism=10,
    setup=load_model,
    resources={"memory": "1G"},
    datum_timeout="30s",
    env={"MODE": "fast"},
    secrets={"KEY": "env:KEY"},
    packages=["msgspec"],
    egress="/somewhere",
    reprocess="every_job",
)
def score_reviews(reviews: list[str], model: str, out: list[str], state: str) -> int:
    """Scores reviews.

    One by one.
    """
    out.extend(reviews)
    return len(reviews)


def test_the_function_is_called_as_it_was_written() -> None:
    out: list[str] = []

    assert score_reviews(["a"], "m", out, state="s") == 1
    assert out == ["a"]


def test_its_spec_is_named_after_it() -> None:
    spec = score_reviews.spec

    assert (spec.name, spec.output, spec.description) == (
        "score-reviews",
        OutputSpec("score-reviews"),
        "Scores reviews.",
    )
    assert spec.input == CrossInput(
        (FilesInput("reviews", "reviews", glob="/*"), FilesInput("model", "sentiment", reference=True))
    )
    assert (spec.parallelism, spec.datum_timeout_s, spec.reprocess) == (10, 30, "every_job")
    assert (spec.resources, spec.egress) == (Resources(memory=1_000_000_000), Egress("/somewhere"))


def test_loading_it_stores_its_module() -> None:
    [loaded] = load(score_reviews)

    assert loaded.spec.transform is not None
    assert loaded.spec.transform.function.endswith("test_python:score_reviews")
    assert loaded.spec.transform.setup.endswith("test_python:load_model")
    assert loaded.code is not None
    [source] = [file.data.decode() for file in loaded.code.files if file.path.endswith("test_python.py")]
    assert "    parallelism=10,\n" not in source
    assert "def score_reviews(" in source


def test_every_kind_of_input_can_be_written() -> None:
    @hw.pipeline(
        input=hw.union(
            hw.join(
                hw.files("a", glob="/(*)", join_on="$1", name="x"),
                hw.files("b", glob="/(*)", join_on="$1", outer_join=True, name="y"),
            ),
            hw.group(hw.files("c", glob="/(*)", group_by="$1", lazy=True, name="x")),
            hw.cross(x=hw.cron("@daily", overwrite=True), y=hw.files("d@dev", empty_files=True)),
            hw.files("e", name="x", trigger={"branch": "staging", "size": "1G"}),
        ),
        name="all-of-them",
        output="result@nightly",
    )
    def everything(x: Any, y: Any, out: Any) -> None: ...

    assert everything.spec.output == OutputSpec("result", "nightly")
    assert everything.spec.input == UnionInput(
        (
            JoinInput(
                (
                    FilesInput("x", "a", glob="/(*)", join_on="$1"),
                    FilesInput("y", "b", glob="/(*)", join_on="$1", outer_join=True),
                )
            ),
            GroupInput((FilesInput("x", "c", glob="/(*)", group_by="$1", lazy=True),)),
            CrossInput(
                (
                    CronInput("x", "@daily", "all-of-them-x", overwrite=True),
                    FilesInput("y", "d", "dev", empty_files=True),
                )
            ),
            FilesInput("x", "e", trigger=BranchTrigger("staging", size=1_000_000_000)),
        )
    )


def test_an_input_may_be_written_as_a_file_would_say_it() -> None:
    @hw.pipeline(input={"files": "my-reviews"})
    def clean(my_reviews: Any, out: Any) -> None: ...

    assert clean.spec.input == FilesInput("my_reviews", "my-reviews")


def test_spouts_and_services_are_functions_too() -> None:
    @hw.spout(overwrite=True, setup=load_model)
    def producer(out: Any, state: str) -> None: ...

    @hw.service(input=hw.files("models/iris"), port=8_000)
    def answer(iris: Any) -> None: ...

    assert (producer.spec.kind, producer.spec.spout, producer.spec.input) == (
        "spout",
        Spout(overwrite=True),
        None,
    )
    assert (answer.spec.kind, answer.spec.service) == ("service", Service(8_000))


def test_a_batch_is_one_list() -> None:
    @hw.pipeline(input=hw.files("reviews"), batch=64, setup=load_model)
    def vectorised(datums: list[Any], state: str) -> None: ...

    assert vectorised.spec.transform is not None
    assert vectorised.spec.transform.batch == 64


def declare(function: Callable[..., Any], **fields: Any) -> str:
    fields.setdefault("input", hw.cross(reviews=hw.files("reviews"), model=hw.files("model")))
    with pytest.raises(InvalidSpec) as caught:
        hw.pipeline(**fields)(function)
    return caught.value.message


def test_missing_parameters_are_named() -> None:
    def score(reviews: Any) -> None: ...

    assert "score(reviews) lacks the parameters model, out" in declare(score)


def test_parameters_that_nothing_is_given_for_are_named() -> None:
    def score(reviews: Any, model: Any, out: Any, extra: Any, fine: int = 1) -> None: ...

    told = declare(score)

    assert "nothing is given for the parameter extra" in told
    assert "reviews, model" in told


def test_a_function_whose_call_runs_nothing_is_refused() -> None:
    async def waits(reviews: Any, model: Any, out: Any) -> None: ...

    def yields(reviews: Any, model: Any, out: Any) -> Any:
        yield

    assert "waits() is `async`" in declare(waits)
    assert "yields() has a `yield`" in declare(yields)


def test_state_needs_a_setup() -> None:
    def score(reviews: Any, model: Any, out: Any, state: Any) -> None: ...

    assert "nothing is given for the parameter state" in declare(score)


def test_a_batch_function_that_takes_inputs_is_told_what_it_takes() -> None:
    def score(reviews: Any, model: Any, out: Any) -> None: ...

    assert "takes the list of datums, not (reviews, model, out)" in declare(score, batch=8)


def test_whatever_keywords_come_may_be_taken_together() -> None:
    @hw.pipeline(input=hw.files("reviews"))
    def score(**given: Any) -> None: ...

    assert score.spec.name == "score"


@pytest.mark.parametrize("name", ["state", "my-reviews"])
def test_an_input_that_is_no_parameter_is_refused(name: str) -> None:
    def score(out: Any) -> None: ...

    assert repr(name) in declare(score, input=hw.files("reviews", name=name))


def test_a_keyword_names_files_and_no_cross() -> None:
    def score(both: Any, out: Any) -> None: ...

    assert "a cross has no name" in declare(score, input=hw.union(both=hw.cross(hw.files("a"))))


def test_all_mistakes_of_a_decorator_are_told_at_once() -> None:
    def score(reviews: Any, out: Any) -> None: ...

    told = declare(
        score, input=hw.files("Reviews", name="reviews", glob="/["), parallelism=0, datum_timeout="x"
    )

    assert "4 mistakes" in told


def test_a_class_is_no_pipeline() -> None:
    with pytest.raises(InvalidSpec, match="A type cannot be a pipeline"):
        hw.pipeline(input=hw.files("a"))(dict)


def test_the_names_of_the_package_are_all_there() -> None:
    for name in hw.__all__:
        assert getattr(hw, name) is not None, name


def test_decorating_in_a_worker_needs_no_catalog(tmp_path: Path) -> None:
    program = """
    import sys
    import headwater as hw
    @hw.pipeline(input=hw.files("reviews"))
    def f(reviews: hw.Input, out: hw.Output): ...
    assert not {"sqlalchemy", "yaml"} & set(sys.modules), "heavy"
    """
    (tmp_path / "p.py").write_text(textwrap.dedent(program))

    ended = subprocess.run(
        [sys.executable, "p.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, "")
