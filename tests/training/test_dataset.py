from pathlib import Path
from typing import Any

import pytest

from headwater.training import (
    Dataset,
    InvalidData,
    InvalidRequest,
    TargetUnusable,
    TooFewRows,
    open_dataset,
    read_request,
)

BASE = {"model": "m", "data": "d@main:/d.csv", "targets": "all"}


def csv(**columns: list[Any]) -> bytes:
    rows = zip(*columns.values(), strict=True)
    lines = [
        ",".join(columns),
        *(",".join("" if cell is None else str(cell) for cell in row) for row in rows),
    ]
    return "\n".join(lines).encode()


def opened(data: bytes, **fields: Any) -> Dataset:
    return open_dataset(read_request(BASE | fields), data, name="d.csv")


def numbers(count: int = 40, *, step: float = 1.0) -> list[float]:
    return [round((7 * place % 23) * step, 3) for place in range(count)]


def labels(count: int = 40) -> list[str]:
    return ["abc"[place % 3] for place in range(count)]


PLAIN = csv(x=numbers(), y=numbers(step=0.5), label=labels())


def test_all_means_every_column_each_from_all_the_others() -> None:
    dataset = opened(PLAIN)

    assert {target.name: target.task for target in dataset.targets} == {
        "x": "regression",
        "y": "regression",
        "label": "classification",
    }
    assert dataset.features_of("y") == ("x", "label")


def test_an_excluded_column_is_neither_target_of_all_nor_feature() -> None:
    dataset = opened(PLAIN, features={"exclude": ["label"]})

    assert [target.name for target in dataset.targets] == ["x", "y"]
    assert dataset.features_of("x") == ("y",)


def test_an_excluded_column_may_be_a_target_by_name() -> None:
    dataset = opened(PLAIN, features={"exclude": ["label"]}, targets=["label", "x"])

    assert dataset.features_of("label") == ("x", "y")
    assert dataset.features_of("x") == ("y",)


def test_only_included_columns_are_features() -> None:
    dataset = opened(PLAIN, features={"include": ["x"]}, targets="y")

    assert dataset.features_of("y") == ("x",)


def test_whole_numbers_stay_numbers_unless_classes_are_asked_for() -> None:
    data = csv(kind=[place % 3 for place in range(40)], x=numbers())

    assert opened(data, targets="kind").targets[0].task == "regression"
    assert opened(data, targets="kind", task="classification").targets[0].task == "classification"
    assert (
        opened(data, task={"kind": "classification"}, targets=["kind", "x"]).target("x").task == "regression"
    )


def test_booleans_are_classes() -> None:
    data = csv(good=["true", "false"] * 20, x=numbers())

    assert opened(data, targets="good").targets[0].task == "classification"


def test_the_filter_keeps_rows_and_their_numbers() -> None:
    dataset = opened(PLAIN, where="label != 'a'")

    assert dataset.table.num_rows == 26
    assert dataset.rows[:3].tolist() == [2, 3, 5]


def test_a_target_that_does_not_exist_is_answered_with_the_nearest_column() -> None:
    with pytest.raises(InvalidRequest) as caught:
        opened(PLAIN, targets=["lable", "x"], features={"exclude": ["z"], "fields": {"Y": {"min": 0}}})

    found = {one["field"]: one["message"] for one in caught.value.details}
    assert "'lable' is not a column of d.csv. Did you mean 'label'?" in found["targets"]
    assert "'z'" in found["features.exclude"]
    assert "'y'" in found["features.fields"]


def test_a_text_column_as_a_numeric_target_is_refused_with_examples() -> None:
    with pytest.raises(TargetUnusable, match=r"'label' is a column of text \('a', 'b', 'c'\)") as caught:
        opened(PLAIN, task="regression")

    assert "task: auto" in caught.value.hint
    assert caught.value.targets == ["label"]


def test_a_number_column_with_a_few_words_names_them_and_their_rows() -> None:
    data = csv(x=numbers(), y=[*numbers(38), "?", "n.a."])

    with pytest.raises(TargetUnusable, match=r"2 values of 40 are no numbers \('\?', 'n.a.' in rows 39, 40"):
        opened(data, targets="y", task="regression")


def test_missing_target_values_are_counted_and_named_by_row() -> None:
    values: list[float | None] = [*numbers(39), None]
    values[2] = values[6] = None

    with pytest.raises(TargetUnusable, match=r"no value .* in 3 rows of 40: rows 3, 7, 40 ") as caught:
        opened(csv(x=numbers(), y=values), targets="y")

    assert 'where: "y is not None"' in caught.value.hint
    assert opened(csv(x=numbers(), y=values), targets="y", where="y is not None").table.num_rows == 37


def test_the_numbers_of_missing_rows_are_those_of_the_file_when_a_filter_left_some_out() -> None:
    values: list[float | None] = [*numbers(39), None]

    with pytest.raises(TargetUnusable, match=r"in 1 row of 27: row 40 "):
        opened(csv(y=values, label=["b", *labels()[:39]]), targets="y", where="label != 'a'")


def test_nan_and_infinite_targets_are_missing_too() -> None:
    with pytest.raises(TargetUnusable, match="2 rows of 40: rows 1, 2 "):
        opened(csv(x=numbers(), y=["nan", "inf", *numbers(38, step=0.5)]), targets="y")


def test_a_constant_target_has_nothing_to_learn() -> None:
    with pytest.raises(TargetUnusable, match="'y' is 3 in every row"):
        opened(csv(x=numbers(), y=[3] * 40))


def test_a_column_of_ids_is_too_many_classes() -> None:
    with pytest.raises(TargetUnusable, match="'name' has 40 different values in 40 rows"):
        opened(csv(x=numbers(), name=[f"n{place}" for place in range(40)]))


def test_every_unusable_target_is_named_at_once() -> None:
    with pytest.raises(TargetUnusable) as caught:
        opened(csv(x=numbers(), a=[1] * 40, b=[*numbers(39), None]))

    assert caught.value.targets == ["a", "b"]
    assert len(caught.value.details) == 2


def test_a_target_without_features_is_refused() -> None:
    with pytest.raises(TargetUnusable, match="'x' has no features"):
        opened(csv(x=numbers()))


def test_columns_that_cannot_be_features_are_named_with_the_way_out() -> None:
    data = csv(x=numbers(), y=numbers(), empty=[None] * 40, huge=["inf", *numbers(39)])

    with pytest.raises(
        InvalidData, match="'empty' has no value in any row; 'huge' has infinite values"
    ) as caught:
        opened(data, targets="y")

    assert "exclude: [empty, huge]" in caught.value.hint
    assert opened(data, targets="y", features={"exclude": ["empty", "huge"]}).features_of("y") == ("x",)


def test_a_filter_that_keeps_nothing_and_a_file_too_short_are_refused() -> None:
    with pytest.raises(InvalidData, match="keeps none of the rows"):
        opened(PLAIN, where="x < 0")
    with pytest.raises(TooFewRows, match="5 rows are too few"):
        opened(csv(x=numbers(5), y=numbers(5)))


def test_the_shared_iris_file_is_five_regressors_when_asked(test_data: Path) -> None:
    request = read_request(BASE | {"task": "regression", "features": {"exclude": ["ResultLabel"]}})

    dataset = open_dataset(request, test_data / "iris.csv", name="iris.csv")

    assert [target.task for target in dataset.targets] == ["regression"] * 5
