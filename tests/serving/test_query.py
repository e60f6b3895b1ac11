import pytest

from headwater.serving.answers import Refusal
from headwater.serving.query import Options, read_query

TARGETS = ("SepalLength", "PetalWidth", "width, in cm")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", Options()),
        ("verbose=1", Options()),
        ("target=PetalWidth", Options(("PetalWidth",))),
        ("target=PetalWidth,SepalLength", Options(("SepalLength", "PetalWidth"))),
        ("target=PetalWidth&target=SepalLength", Options(("SepalLength", "PetalWidth"))),
        ("target=PetalWidth&target=PetalWidth", Options(("PetalWidth",))),
        ("target=%20PetalWidth%20,", Options(("PetalWidth",))),
        ("target=width,%20in%20cm", Options(("width, in cm",))),
        ("partial=true", Options(is_partial=True)),
        ("partial", Options(is_partial=True)),
        ("partial=True&target=PetalWidth", Options(("PetalWidth",), is_partial=True)),
        ("partial=false", Options()),
        ("partial=1&partial=0", Options()),
    ],
)
def test_a_query_says_which_targets_and_whether_good_rows_will_do(query: str, expected: Options) -> None:
    assert read_query(query, TARGETS) == expected


@pytest.mark.parametrize(
    ("query", "code", "named"),
    [
        ("target=Petal", "FIELD_UNKNOWN", "Petal"),
        ("target=", "MALFORMED", "target"),
        ("target=,", "MALFORMED", "target"),
        ("partial=maybe", "MALFORMED", "maybe"),
        ("target=%FF", "MALFORMED", "URL"),
        ("&".join(["a=1"] * 300), "MALFORMED", "URL"),
    ],
)
def test_a_query_that_cannot_be_honoured_is_refused(query: str, code: str, named: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_query(query, TARGETS)

    assert caught.value.code == code
    assert named in caught.value.message


def test_every_unknown_target_is_listed() -> None:
    with pytest.raises(Refusal) as caught:
        read_query("target=A,PetalWidth&target=B", TARGETS)

    assert [problem.field for problem in caught.value.errors] == ["A", "B"]
