"""Predictors: the answers that the contract shows, the same for rows and tables, from no more than is needed."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import xgboost as xgb

from headwater.features import Columns, RowsRefused, Schema, like, to_columns
from headwater.models import (
    ArtifactCorrupt,
    ArtifactFormat,
    ClassTable,
    Layout,
    ManifestTarget,
    NumberTable,
    Predictor,
    TargetInfo,
    UnknownTarget,
    read_manifest,
    verified,
)
from tests.models.artifact_files import (
    CLASSES,
    Files,
    artifact,
    flower_rows,
    flowers,
    new_signer,
    sealed,
    signed,
)

ROW = {"length": 5.1, "width": 3.5, "colour": "red", "wild": True}


def load(files: Files) -> Predictor:
    return Predictor.load(files.__getitem__)


@pytest.fixture(scope="module")
def number_files() -> Files:
    return artifact({"price": "regression"})


@pytest.fixture(scope="module")
def number(number_files: Files) -> Predictor:
    return load(number_files)


@pytest.fixture(scope="module")
def species() -> Predictor:
    return load(artifact({"species": "classification"}))


@pytest.fixture(scope="module")
def both() -> Predictor:
    uses = {"price": ("length", "colour"), "species": ("width", "wild")}
    return load(artifact({"price": "regression", "species": "classification"}, uses=uses))


def test_a_number_comes_with_its_interval(number: Predictor) -> None:
    (answer,) = number.predict_rows([ROW])

    assert list(answer) == ["value", "lower", "upper", "confidence"]
    assert answer["lower"] < answer["value"] < answer["upper"]
    assert answer["confidence"] == 0.9
    assert [type(value) for value in answer.values()] == [float, float, float, float]


def test_a_class_comes_with_probabilities_and_its_set(species: Predictor) -> None:
    (answer,) = species.predict_rows([ROW])

    assert list(answer) == ["label", "probabilities", "set", "confidence"]
    assert tuple(answer["probabilities"]) == CLASSES
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].__getitem__)
    assert answer["set"][0] == answer["label"]
    assert answer["confidence"] == 0.9


def test_several_targets_answer_under_their_names(both: Predictor) -> None:
    answers = both.predict_rows([ROW, ROW | {"length": 9.0}])

    assert [list(answer) for answer in answers] == [["price", "species"]] * 2
    assert answers[0]["price"] != answers[1]["price"]
    assert answers[0]["species"] == answers[1]["species"]


def test_a_choice_of_targets_needs_only_their_fields(both: Predictor) -> None:
    assert both.needed() == ("length", "width", "colour", "wild")
    assert both.needed(["species"]) == ("width", "wild")

    (answer,) = both.predict_rows([{"width": 3.5, "wild": True}], ["species"])

    assert answer == {"species": both.predict_rows([ROW])[0]["species"]}


def test_chosen_targets_answer_in_the_models_order(both: Predictor) -> None:
    assert list(both.predict_rows([ROW], ["species", "price"])[0]) == ["price", "species"]


def test_the_only_target_answers_without_its_name_even_when_chosen(number: Predictor) -> None:
    assert number.predict_rows([ROW], ["price"]) == number.predict_rows([ROW])


def test_an_unknown_target_is_refused_with_the_nearest(both: Predictor) -> None:
    with pytest.raises(UnknownTarget, match="no target 'prize'") as caught:
        both.predict_rows([ROW], ["prize"])

    assert caught.value.hint == "Did you mean 'price'? Its targets are 'price', 'species'."


def test_answers_are_json(both: Predictor) -> None:
    (answer,) = both.predict_rows([ROW])

    assert json.loads(msgspec.json.encode(answer)) == answer


def test_rows_alone_and_together_and_as_a_table_agree_to_the_bit(both: Predictor) -> None:
    rows = flower_rows(50, seed=3)

    together = both.predict_rows(rows)
    table = both.predict_columns(flowers(50, seed=3))

    assert together == [both.predict_rows([row])[0] for row in rows]
    assert together == [
        {"price": price, "species": kind}
        for price, kind in zip(table["price"].rows(), table["species"].rows(), strict=True)
    ]


def test_a_large_table_gives_each_row_what_it_gets_alone(number: Predictor) -> None:
    columns = flowers(40_000, seed=4)

    value = number_table(number, columns).value

    last = {name: values[-100:] for name, values in columns.items()}
    assert value[-100:].tolist() == number_table(number, last).value.tolist()


def test_the_values_are_those_of_the_model_by_hand(number: Predictor, number_files: Files) -> None:
    columns = flowers(20, seed=5)
    booster = xgb.Booster()
    booster.load_model(bytearray(number_files["targets/00-price/model.ubj"]))
    info = TargetInfo.from_json(number_files["targets/00-price/target.json"])
    schema = Schema.from_json(number_files[Layout.SCHEMA])

    by_hand = booster.predict(xgb.DMatrix(info.transform.matrix(schema.prepare(columns))))

    assert number_table(number, columns).value.tolist() == by_hand.tolist()


def test_no_rows_give_no_predictions(both: Predictor) -> None:
    assert both.predict_rows([]) == []
    empty = both.predict_columns({name: values[:0] for name, values in flowers().items()})
    assert [len(table.rows()) for table in empty.values()] == [0, 0]


def test_two_classes_have_two_probabilities_and_keep_their_type() -> None:
    predictor = load(artifact({"is_wild": "classification"}, classes=(False, True)))

    (answer,) = predictor.predict_rows([ROW])

    assert list(answer["probabilities"]) == ["false", "true"]
    assert answer["label"] in (False, True)
    assert type(answer["label"]) is bool


def test_classes_that_are_numbers_stay_numbers() -> None:
    predictor = load(artifact({"rings": "classification"}, classes=(3, 4, 5)))

    (answer,) = predictor.predict_rows([ROW])

    assert list(answer["probabilities"]) == ["3", "4", "5"]
    assert answer["label"] in (3, 4, 5)
    assert set(answer["set"]) <= {3, 4, 5}


def test_without_confidence_the_same_keys_hold_none() -> None:
    files = artifact({"price": "regression", "species": "classification"}, confidence=False)

    (answer,) = load(files).predict_rows([ROW])

    assert {name: answer["price"][name] for name in ("lower", "upper", "confidence")} == {
        "lower": None,
        "upper": None,
        "confidence": None,
    }
    assert (answer["species"]["set"], answer["species"]["confidence"]) == (None, None)


def test_too_few_calibration_rows_promise_no_bound_and_say_so() -> None:
    files = artifact({"price": "regression", "species": "classification"}, level=0.999)
    predictor = load(files)

    (answer,) = predictor.predict_rows([ROW])

    assert (answer["price"]["lower"], answer["price"]["upper"], answer["price"]["confidence"]) == (
        None,
        None,
        0.999,
    )
    assert sorted(answer["species"]["set"]) == sorted(map(str, CLASSES))
    lower = number_table(predictor, flowers(3), "price").lower
    assert lower is not None
    assert lower.tolist() == [-np.inf] * 3


def test_a_table_of_predictions_becomes_columns_of_any_frame(both: Predictor) -> None:
    rows = flower_rows(3)
    tables = both.predict_columns(to_columns(rows))

    result = like(rows, tables["price"].columns("price") | tables["species"].columns("species"))

    assert list(result[0]) == [
        "price",
        "price_lower",
        "price_upper",
        "species",
        "species_set",
        *(f"species_p_{name}" for name in CLASSES),
    ]
    assert [row["price"] for row in result] == [
        answer["price"]["value"] for answer in both.predict_rows(rows)
    ]


def test_a_category_that_no_row_had_is_refused_by_name(number: Predictor) -> None:
    with pytest.raises(RowsRefused, match="'colour' has the category 'pink'"):
        number.predict_rows([ROW | {"colour": "pink"}])


def test_checked_rows_are_refused_with_every_problem(both: Predictor) -> None:
    with pytest.raises(RowsRefused) as caught:
        both.check_rows([ROW, {"length": "5.1", "colour": "pink"}, ROW | {"wide": 1}])

    assert [(problem.row, problem.field, problem.code) for problem in caught.value.problems] == [
        (1, "length", "FIELD_TYPE"),
        (1, "width", "FIELD_MISSING"),
        (1, "colour", "FIELD_CATEGORY"),
        (1, "wild", "FIELD_MISSING"),
        (2, "wide", "FIELD_UNKNOWN"),
    ]
    assert caught.value.message.startswith("Row 1: The field 'length' must be a number")
    assert caught.value.message.endswith("(4 more)")
    assert len(caught.value.details) == 5


def test_checked_rows_and_tables_need_only_what_the_targets_need(both: Predictor) -> None:
    both.check_rows([{"width": 3.5, "wild": True}], ["species"])
    both.check_columns({"width": np.array([3.5]), "wild": np.array([True]), "id": np.array([7])}, ["species"])

    with pytest.raises(RowsRefused, match="'length' is missing"):
        both.check_columns({"width": np.array([3.5]), "wild": np.array([True])})


@pytest.mark.parametrize("value", ["5.1", True, [5.1], {}])
def test_rows_that_nobody_checked_are_not_read_as_numbers_either(number: Predictor, value: Any) -> None:
    with pytest.raises(RowsRefused, match="'length' must be a number"):
        number.predict_rows([ROW | {"length": value}])


def test_many_threads_get_what_one_gets(both: Predictor) -> None:
    rows = flower_rows(40, seed=6)
    expected = both.predict_rows(rows)
    found: list[list[dict[str, Any]]] = []

    def work() -> None:
        found.append([both.predict_rows([row])[0] for row in rows])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [expected] * 8


def changed(files: Files, path: str, data: bytes) -> Files:
    """Returns the files with one changed, under a manifest that fits."""
    return sealed({**files, path: data}, read_manifest(files.__getitem__).targets)


def changed_target(files: Files, **changes: Any) -> Files:
    path = "targets/00-price/target.json"
    return changed(
        files, path, msgspec.structs.replace(TargetInfo.from_json(files[path]), **changes).to_json()
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": "prize"}, r"target\.json is about 'prize', not about 'price'"),
        ({"classes": ("a", "b")}, r"target\.json has 2 classes for a regression"),
        ({"features": ("length", "height")}, r"target\.json needs the field 'height'"),
        ({"file": "model.json"}, r"model\.json is not in the manifest"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_named(number_files: Files, changes: Any, message: str) -> None:
    with pytest.raises(ArtifactCorrupt, match=message):
        load(changed_target(number_files, **changes))


def test_a_model_of_another_shape_than_its_transform_is_refused(number_files: Files) -> None:
    narrow = artifact({"price": "regression"}, uses={"price": ("length",)})
    path = "targets/00-price/model.ubj"

    with pytest.raises(ArtifactCorrupt, match=r"model\.ubj takes 1 columns, but its transform makes 5"):
        load(changed(number_files, path, narrow[path]))


def test_a_regression_model_cannot_stand_for_a_classification(number_files: Files) -> None:
    files = artifact({"price": "classification"})
    path = "targets/00-price/model.ubj"

    with pytest.raises(ArtifactCorrupt, match=r"model\.ubj gives results of shape \(2,\), not for 3 classes"):
        load(changed(files, path, number_files[path]))


@pytest.mark.parametrize("data", [b"", b"not a model", b"\x80\x04\x95cos\nsystem\n.", b"{}"])
def test_bytes_that_are_no_model_are_refused_and_never_run(number_files: Files, data: bytes) -> None:
    with pytest.raises(ArtifactCorrupt, match=r"targets/00-price/model\.ubj is no model of XGBoost"):
        load(changed(number_files, "targets/00-price/model.ubj", data))


def test_a_damaged_model_never_reaches_its_library(number_files: Files) -> None:
    data = bytearray(number_files["targets/00-price/model.ubj"])
    data[len(data) // 2] ^= 1

    with pytest.raises(ArtifactCorrupt, match=r"model\.ubj has changed"):
        load({**number_files, "targets/00-price/model.ubj": bytes(data)})


def test_a_pickle_has_no_loader(number_files: Files) -> None:
    files = {**number_files, "targets/00-price/model.pkl": b"\x80\x04."}

    with pytest.raises(
        ArtifactFormat, match=r"model\.pkl is of a kind that this version of Headwater does not load"
    ):
        load(changed_target(files, file="model.pkl"))


@pytest.mark.parametrize("path", [Layout.SCHEMA, "targets/00-price/target.json"])
def test_a_description_that_cannot_be_read_is_named(number_files: Files, path: str) -> None:
    with pytest.raises(ArtifactCorrupt, match=f"{path} cannot be read"):
        load(changed(number_files, path, b"[1"))


def test_a_target_that_is_not_in_its_folder_is_named(number_files: Files) -> None:
    manifest = msgspec.structs.replace(
        read_manifest(number_files.__getitem__),
        targets=(ManifestTarget("price", "regression", "targets/01-price"),),
    )

    with pytest.raises(ArtifactCorrupt, match=r"targets/01-price/target\.json is not in the manifest"):
        load({**number_files, Layout.MANIFEST: manifest.to_json()})


def test_a_signed_version_loads_through_its_verified_files(number_files: Files, tmp_path: Path) -> None:
    signer = new_signer(tmp_path)
    files = signed(number_files, signer)

    assert Predictor.load(verified(files.__getitem__, signer)).predict_rows([ROW])

    files["targets/00-price/model.ubj"] += b"\0"
    with pytest.raises(ArtifactCorrupt, match=r"model\.ubj"):
        Predictor.load(verified(files.__getitem__, signer))


ALONE = """
import json, sys
from pathlib import Path

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"pandas", "pyarrow", "polars", "sklearn", "matplotlib", "seaborn"}:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Blocked())
from headwater.features import struct_type
from headwater.models import Predictor

folder = Path(sys.argv[1])
predictor = Predictor.load(lambda path: (folder / path).read_bytes())
struct_type(predictor.schema.fields)
print(json.dumps(predictor.predict_rows([json.loads(sys.argv[2])])))
"""


def test_serving_needs_nothing_that_only_training_has(
    number_files: Files, number: Predictor, tmp_path: Path
) -> None:
    for path, data in number_files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ALONE, str(tmp_path), json.dumps(ROW)],
        check=True,
        capture_output=True,
        text=True,
    )

    assert json.loads(done.stdout) == number.predict_rows([ROW])


def number_table(predictor: Predictor, columns: Columns, target: str = "price") -> NumberTable:
    table = predictor.predict_columns(columns, [target])[target]
    assert isinstance(table, NumberTable)
    return table


def test_labels_are_the_models_own_first_choice(species: Predictor) -> None:
    table = species.predict_columns(flowers(30))["species"]

    assert isinstance(table, ClassTable)
    assert table.label.tolist() == [CLASSES[code] for code in table.probabilities.argmax(axis=1)]
