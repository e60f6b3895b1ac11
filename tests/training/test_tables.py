import io
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from headwater.training.errors import InvalidData
from headwater.training.tables import read_table


def parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def test_a_csv_file_with_a_byte_order_mark_has_clean_names(test_data: Path) -> None:
    table = read_table(test_data / "iris.csv", "iris.csv")

    assert table.column_names[0] == "SepalLength"
    assert table.num_rows == 150


def test_quoted_names_and_line_breaks_in_values_are_read() -> None:
    table = read_table(b'\xef\xbb\xbf"a, b","say ""c""",d\r\n"x\ny",1,2.5\r\n', "t.csv")

    assert table.column_names == ["a, b", 'say "c"', "d"]
    assert table.to_pylist() == [{"a, b": "x\ny", 'say "c"': 1, "d": 2.5}]


def test_empty_texts_and_nan_are_missing_but_words_are_kept() -> None:
    table = read_table(b"name,x\nNA,1\n,nan\nnull,\nword,2\n", "t.csv")

    assert table["name"].to_pylist() == ["NA", None, "null", "word"]
    assert table["x"].to_pylist() == [1.0, None, None, 2.0]


def test_a_tab_separated_file_is_read_by_its_ending() -> None:
    assert read_table(b"a\tb\n1\tx,y\n", "t.tsv").to_pylist() == [{"a": 1, "b": "x,y"}]


def test_a_column_whose_later_values_do_not_fit_the_first_block_is_read_whole() -> None:
    rows = b"1,aaaaaaaaaaaaaaaa\n" * 950_000
    table = read_table(b"x,name\n" + rows + b"0.5,b\n", "t.csv")

    assert table["x"][-1].as_py() == 0.5
    assert table.num_rows == 950_001


def test_parquet_types_become_numbers_texts_and_booleans() -> None:
    source = pa.table(
        {
            "small": pa.array([1, 2], pa.int8()),
            "half": pa.array([0.5, float("nan")], pa.float32()),
            "when": pa.array([0, 86_400], pa.timestamp("s")),
            "kind": pa.array(["a", ""]).dictionary_encode(),
            "money": pa.array([1, 2], pa.decimal128(10, 2)),
            "yes": [True, None],
            "none": pa.nulls(2),
        }
    )

    table = read_table(parquet(source), "t.parquet")

    assert [str(kind) for kind in table.schema.types] == [
        "int64",
        "double",
        "string",
        "string",
        "double",
        "bool",
        "double",
    ]
    assert table["half"].to_pylist() == [0.5, None]
    assert table["kind"].to_pylist() == ["a", None]
    assert table["when"].to_pylist()[1].startswith("1970-01-02")


def test_csv_and_parquet_of_the_same_rows_are_the_same_table(test_data: Path) -> None:
    direct = pa_csv.read_csv(test_data / "iris.csv")

    assert read_table(parquet(direct), "i.parquet").equals(read_table(test_data / "iris.csv", "i.csv"))


@pytest.mark.parametrize(
    ("data", "name", "told"),
    [
        (b"", "t.csv", "t.csv is empty"),
        (b"\n\n", "t.csv", "t.csv is empty"),
        (b"a,b\n", "t.csv", "has a header but no rows"),
        (b"1.5,2\n3,4\n", "t.csv", "no header: its first line is 1.5, 2"),
        (b"a,b,a\n1,2,3\n", "t.csv", "more than one column named 'a'"),
        (b"a,,c\n1,2,3\n", "t.csv", "column without a name: number 2 of 3"),
        (b"a,b\n1,2\n3\n", "t.csv", "Row #3: Expected 2 columns, got 1"),
        ("é,b\n1,2\n".encode("latin-1"), "t.csv", "not UTF-8"),
        (b"a,b\n1,2\n", "t.xlsx", "not a kind of file"),
        (b"PAR1", "t.parquet", "cannot be read"),
        (parquet(pa.table({"a": pa.array([], pa.int64())})), "t.parquet", "no rows"),
        (parquet(pa.table({"a": [[1], [2]]})), "t.parquet", "'a' (list<element: int64>)"),
        (parquet(pa.table([[1], [2]], names=["a", "a"])), "t.parquet", "more than one column named 'a'"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_name_and_why(
    data: bytes, name: str, told: str
) -> None:
    with pytest.raises(InvalidData) as caught:
        read_table(data, name)

    assert told in caught.value.message
    assert name in caught.value.message
    assert caught.value.hint
