from typing import Any

import msgspec
import pytest

from headwater.errors import NotFound
from headwater.training import InvalidRequest, TrainingRequest, read_request, read_request_file, target_part

FULL = """
model: iris
data: iris@main:/iris.csv
targets: all
features: {exclude: [ResultLabel], fields: {SepalLength: {min: 0, max: 30, default: 5.8}}}
where: "PetalWidth > 0"
task: auto
algorithm: {name: xgboost, params: {max_depth: 6, n_estimators: 1000}}
preprocess: {missing: median, outliers: {clip: [0.01, 0.99]}, categorical: one-hot, numeric: standard}
split: {test: 0.2, validation: 0.2, seed: 27}
metric: {regression: rmse, classification: log_loss}
confidence: {level: 0.9, method: auto}
gates: [{target: SepalLength, metric: rmse, max: 4.5}, {no_worse_than: prod, tolerance: 0.02}]
promote: [dev, staging, prod]
retrain: {on: data, rows: 100}
"""
SMALL = {"model": "iris", "data": "iris@main:/iris.csv", "targets": "all"}


def mistakes(source: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        read_request(source)
    return {one["field"]: one["message"] for one in caught.value.details}


def test_every_field_of_the_example_is_understood() -> None:
    request = read_request(FULL)

    assert request.source.repo == "iris"
    assert request.source.at == "main"
    assert request.source.path == "iris.csv"
    assert request.features.fields["SepalLength"].max == 30
    assert request.retrain is not None
    assert request.retrain.rows == 100
    assert [gate.metric for gate in request.gates] == ["rmse", None]


def test_yaml_json_and_a_mapping_give_the_same_request() -> None:
    request = read_request(FULL)

    assert read_request(msgspec.json.encode(request.document())) == request
    assert read_request(request.document()) == request
    assert read_request(request.document()).canonical() == request.canonical()


def test_only_model_data_and_targets_are_needed() -> None:
    request = read_request(SMALL)

    assert request.algorithm.name == "xgboost"
    assert (request.split.test, request.split.validation, request.split.seed) == (0.2, 0.0, 0)
    assert (request.confidence.level, request.confidence.method) == (0.9, "auto")
    assert (request.metric.regression, request.metric.classification) == ("rmse", "log_loss")
    assert (request.preprocess.missing, request.preprocess.categorical) == ("median", "one-hot")
    assert mistakes("model: iris") == {"data": "is missing.", "targets": "is missing."}


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ({"algorithm": "xgboost"}, {"algorithm": {"name": "xgboost"}}),
        ({"confidence": "off"}, {"confidence": {"method": "off"}}),
        ({"confidence": False}, {"confidence": {"method": "off"}}),
        ({"confidence": 0.8}, {"confidence": {"level": 0.8}}),
        ({"metric": "mae"}, {"metric": {"regression": "mae"}}),
        ({"metric": "accuracy"}, {"metric": {"classification": "accuracy"}}),
        ({"promote": "dev"}, {"promote": ["dev"]}),
        ({"targets": "y"}, {"targets": ["y"]}),
        ({"gates": {"metric": "r2", "min": 0.5}}, {"gates": [{"metric": "r2", "min": 0.5}]}),
    ],
)
def test_a_short_form_means_its_long_form(short: dict[str, Any], long: dict[str, Any]) -> None:
    assert read_request(SMALL | short).canonical() == read_request(SMALL | long).canonical()


def test_yaml_keys_and_values_arrive_as_written() -> None:
    text = "model: a\ndata: a:/x.csv\ntargets: y\nretrain: {on: data}\nconfidence: off\nalgorithm: {params: {eta: 1e-1}}"

    request = read_request(text)

    assert request.retrain is not None
    assert request.confidence.method == "off"
    assert request.algorithm.params == {"eta": 0.1}


def test_all_mistakes_are_named_at_once_with_what_was_probably_meant() -> None:
    found = mistakes(
        """
        modle: iris
        data: iris
        targets: []
        features: {exclud: [a], fields: {X: {min: a}}}
        task: regresion
        split: {test: 2}
        gates: [{metric: rmse, mx: 4}]
        """
    )

    assert set(found) == {
        "model",
        "modle",
        "features.exclud",
        "features.fields.X.min",
        "task",
        "split.test",
        "gates[0].mx",
    }
    assert "'model'" in found["modle"]
    assert "'exclude'" in found["features.exclud"]
    assert "'regression'" in found["task"]
    assert found["features.fields.X.min"] == "expected a number or nothing, got a text."


def test_a_request_is_judged_as_a_whole() -> None:
    found = mistakes(
        {
            "model": "Iris!",
            "data": "iris",
            "targets": ["a", "a"],
            "split": {"test": 0.5, "validation": 0.5},
            "algorithm": {"params": {"max_dept": 3, "eta": 0.1, "learning_rate": 0.2, "subsample": 2}},
            "where": "a.b",
            "task": {"b": "regression"},
            "features": {"exclude": ["a"], "fields": {"a": {"min": 3, "max": 2}}},
            "promote": ["no spaces"],
            "preprocess": {"outliers": {"clip": [0.9, 0.1]}},
        }
    )

    assert set(found) == {
        "model",
        "data",
        "targets",
        "split",
        "algorithm.params.max_dept",
        "algorithm.params.learning_rate",
        "algorithm.params.subsample",
        "where",
        "task.b",
        "features.fields.a",
        "promote[0]",
        "preprocess.outliers.clip",
    }
    assert "'max_depth'" in found["algorithm.params.max_dept"]


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("candidates", {"candidates": ["random-forest"]}),
        ("tuning", {"tuning": {"trials": 20}}),
        ("data", {"data": {"sql": "select 1", "url": "env:X"}}),
        ("data", {"data": ["a@main:/a.csv", "b@main:/b.csv"]}),
        ("retrain.every", {"retrain": {"every": "0 3 * * *"}}),
        ("algorithm.name", {"algorithm": "random-forest"}),
        ("algorithm.params.early_stopping_rounds", {"algorithm": {"params": {"early_stopping_rounds": 5}}}),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(field: str, given: dict[str, Any]) -> None:
    assert "not available in this version" in mistakes(SMALL | given)[field]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not a mapping"),
        ("- a", "not a mapping"),
        ("a: [", "line 1"),
        ("model: a\nmodel: b", "line 2, column 1: the field 'model' stands twice"),
        ("a: !!python/object:os.system x", "could not determine a constructor"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("? [a]\n: b", "name is not a text"),
        (b"\xff\xfe", "not UTF-8"),
        ("a: " + "[" * 5_000, "nested too deeply"),
        ("a" * 2_000_000, "longer than"),
    ],
)
def test_a_text_that_is_no_document_is_refused_with_its_place(text: str | bytes, told: str) -> None:
    assert told in mistakes(text)["request"]


def test_a_request_file_that_is_not_there_is_named(tmp_path: Any) -> None:
    path = tmp_path / "request.yaml"
    path.write_text(FULL)

    assert read_request_file(path) == read_request(FULL)
    with pytest.raises(NotFound, match=r"nothing\.yaml"):
        read_request_file(tmp_path / "nothing.yaml")


def changed(**fields: Any) -> TrainingRequest:
    return read_request(read_request(FULL).document() | fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"gates": []},
        {"promote": []},
        {"retrain": None},
        {"targets": ["SepalLength"]},
        {"metric": "r2"},
        {"priority": 3},
        {"model": "other"},
    ],
)
def test_what_does_not_touch_a_fit_is_not_in_its_part(fields: dict[str, Any]) -> None:
    assert target_part(changed(**fields), "SepalLength") == target_part(read_request(FULL), "SepalLength")


@pytest.mark.parametrize(
    "fields",
    [
        {"features": {}},
        {"where": None},
        {"task": {"SepalLength": "classification"}},
        {"algorithm": {"params": {"max_depth": 7}}},
        {"preprocess": {}},
        {"split": {"seed": 1}},
        {"confidence": "off"},
    ],
)
def test_what_touches_a_fit_is_in_its_part(fields: dict[str, Any]) -> None:
    request = read_request(FULL)
    other = changed(**({"targets": ["SepalLength"]} | fields))

    assert target_part(other, "SepalLength") != target_part(request, "SepalLength")
    assert target_part(request, "SepalLength") != target_part(request, "SepalWidth")
