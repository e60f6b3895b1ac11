from xml.etree.ElementTree import Element, fromstring

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.training.plots import (
    confusion_plot,
    correlation_plot,
    importance_plot,
    pair_plot,
    predicted_actual_plot,
    residual_plot,
)
from headwater.training.plots.data import correlation

RANDOM = np.random.RandomState(3)
X, Y, Z = RANDOM.normal(size=(3, 60))
HOSTILE = ["<script>alert(1)</script>", "a--><b>", "$x^2$ & \x00\u202e", "../../x", "日本語 col"]


def parsed(data: bytes) -> Element:
    return fromstring(data)  # noqa: S314 - drawn by the test itself


def draw_all(names: list[str]) -> dict[str, bytes]:
    columns = {name: RANDOM.permutation(X) for name in names}
    return {
        "pairs": pair_plot(columns, [names[place % len(names)] for place in range(60)]),
        "correlations": correlation_plot(columns),
        "importances": importance_plot(names, np.ones(len(names)) / len(names)),
        "confusion": confusion_plot(names, np.eye(len(names), dtype=np.int64)),
        "predicted": predicted_actual_plot(X, Y, (Y - 1, Y + 1)),
        "residuals": residual_plot(X, Y),
    }


def test_every_picture_is_wellformed_takes_the_pages_colour_and_names_no_time() -> None:
    for data in draw_all(["a", "b", "c"]).values():
        root = parsed(data)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.get("width") is None
        assert b"currentColor" in data
        assert b"<style" not in data
        assert b"<metadata" not in data
        assert b"#010203" not in data


def test_names_of_columns_stay_texts_whatever_they_hold() -> None:
    for data in draw_all(HOSTILE).values():
        root = parsed(data)
        assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
        assert b"<script" not in data
        assert b"--><b" not in data


def test_equal_values_give_equal_bytes() -> None:
    columns = {"a": X, "b": Y}

    assert pair_plot(columns, None) == pair_plot(columns, None)
    assert correlation_plot(columns) == correlation_plot(columns)
    assert predicted_actual_plot(X, Y, None) == predicted_actual_plot(X, Y, None)
    assert residual_plot(X, Y) == residual_plot(X, Y)


def test_ids_of_two_pictures_on_one_page_do_not_meet() -> None:
    def hashed(data: bytes) -> set[str]:
        ids = {element.get("id", "") for element in parsed(data).iter()}
        return {name for name in ids if len(name) == 11 and name[0] in "mp"}

    first, second = hashed(predicted_actual_plot(X, Y, None)), hashed(residual_plot(X, Y))

    assert first
    assert not first & second


def test_gaps_constant_columns_and_many_rows_are_drawn() -> None:
    many = RANDOM.normal(size=20_000)
    holes = np.where(np.arange(20_000) % 3 == 0, np.nan, many)
    columns = {"many": many, "holes": holes, "same": np.ones(20_000)}

    assert len(pair_plot(columns, None)) < 600_000
    assert len(predicted_actual_plot(many, many, None)) < 300_000
    parsed(correlation_plot(columns))


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=3, max_size=30))
def test_a_correlation_is_that_of_numpy(pairs: list[tuple[float, float]]) -> None:
    x, y = np.array(pairs).T
    r = correlation(x, y)

    if x.std() > 1e-3 and y.std() > 1e-3:
        assert r == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-6)
    assert np.isnan(r) or abs(r) <= 1 + 1e-9
