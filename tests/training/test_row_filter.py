from contextlib import suppress

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.training.errors import InvalidFilter
from headwater.training.row_filter import parse_filter

TABLE = pa.table(
    {
        "width": pa.array([0.1, 0.2, None, 2.0]),
        "count": pa.array([1, 2, 3, None]),
        "label": pa.array(["a", "b", "a", None]),
        "good": pa.array([True, False, None, True]),
        "sepal length (cm)": pa.array([5.0, 6.0, 7.0, 8.0]),
    }
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("width > 0.1", [1, 3]),
        ("0.1 <= width < 2", [0, 1]),
        ("width + 1 > 1.15 and not label == 'a'", [1]),
        ("label in ['a', 'c']", [0, 2]),
        ("label not in ('a',)", [1]),
        ("count in [1, 2.0]", [0, 1]),
        ("width is None", [2]),
        ("label is not None and width is not None", [0, 1]),
        ("good", [0, 3]),
        ("good == False", [1]),
        ("`sepal length (cm)` / 2 >= 3.5", [2, 3]),
        ("-width < 0 or count == 3", [0, 1, 2, 3]),
        ("label == '`x`' or label == \"b\"", [1]),
        ("1 < 2 and count > 1", [1, 2]),
        ("1 / 0 > count", [0, 1, 2]),
    ],
)
def test_a_row_is_kept_where_the_expression_is_true(text: str, kept: list[int]) -> None:
    mask = parse_filter(text).mask(TABLE).to_pylist()

    assert [place for place, keep in enumerate(mask) if keep] == kept
    assert None not in mask


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "width.__class__",
        "width[0] > 1",
        "(lambda: 1)()",
        "[x for x in width]",
        "(width := 1) > 0",
        "f'{width}' == 'a'",
        "width if good else count",
        "width ** 9 > 1",
        "b'a' == label",
        "1j > width",
        "",
        "width >",
        "width = 1",
        "import os",
        "+".join(["width"] * 90) + " > 1",
        "(" * 500 + "width" + ")" * 500 + " > 1",
        "width > 1 " * 300,
    ],
)
def test_what_is_no_plain_expression_is_refused_before_it_meets_the_data(text: str) -> None:
    with pytest.raises(InvalidFilter):
        parse_filter(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("widht > 1", "Did you mean 'width'"),
        ("label > 3", "'label' (text) with 3 (number)"),
        ("width", "not true or false"),
        ("1 > 0", "not true or false"),
        ("width == None", "compared with `is`"),
        ("width is 3", "only before None"),
        ("'a' in label", "after `in` stands a list"),
        ("label in [width]", "holds constants"),
        ("label in [3]", "'label' (text) with 3 (number)"),
        ("label + 1 > 2", "is a text, and a number is needed"),
        ("not width", "is a number, and a boolean is needed"),
        ("[1, 2] == width", "list stands only after `in`"),
    ],
)
def test_an_expression_that_does_not_fit_the_columns_says_why(text: str, told: str) -> None:
    row_filter = parse_filter(text)

    with pytest.raises(InvalidFilter) as caught:
        row_filter.mask(TABLE)

    assert told in str(caught.value)


@given(text=st.text(alphabet="widthlabelgood()[]<>=!+-*/'`. 0123andornotisNone,:", max_size=40))
def test_any_text_gives_a_mask_or_an_error_of_ours(text: str) -> None:
    with suppress(InvalidFilter):
        assert len(parse_filter(text).mask(TABLE)) == 4
