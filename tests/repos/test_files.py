"""Files in their other forms: tables in and out, spans, globs with captures, all below a folder."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from headwater.errors import InvalidInput
from headwater.repos import NotAFile, Repo

ROWS = {"name": ["a", "b"], "value": [1, 2]}
TABLES = {"pandas": pd.DataFrame(ROWS), "polars": pl.DataFrame(ROWS), "arrow": pa.table(ROWS)}


def rows(table: Any) -> dict[str, list[Any]]:
    if isinstance(table, pd.DataFrame):
        return {str(name): table[name].to_list() for name in table.columns}
    found: dict[str, list[Any]] = (
        table.to_dict(as_series=False) if isinstance(table, pl.DataFrame) else table.to_pydict()
    )
    return found


@pytest.mark.parametrize("given", TABLES)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_becomes_a_file_and_a_table_again(reviews: Repo, given: str, ending: str) -> None:
    with reviews.commit() as commit:
        commit.put(f"/table.{ending}", TABLES[given])

    view = reviews.at()
    assert rows(view.frame(f"/table.{ending}")) == ROWS
    assert isinstance(view.frame(f"/table.{ending}"), pd.DataFrame)
    assert rows(view.frame(f"/table.{ending}", "polars")) == ROWS
    assert isinstance(view.frame(f"/table.{ending}", "polars"), pl.DataFrame)
    assert rows(view.frame(f"/table.{ending}", "arrow")) == ROWS
    assert isinstance(view.frame(f"/table.{ending}", "arrow"), pa.Table)


def test_a_named_index_is_kept_and_a_nameless_one_is_not(reviews: Repo) -> None:
    named = pd.DataFrame(ROWS).set_index("name")
    with reviews.commit() as commit:
        commit.put("/named.csv", named)
        commit.put("/named.parquet", named)
        commit.put("/nameless.csv", pd.DataFrame(ROWS, index=[7, 8]))

    view = reviews.at()
    assert view.read("/named.csv") == b"name,value\na,1\nb,2\n"
    assert view.frame("/named.parquet").index.name == "name"
    assert view.read("/nameless.csv") == b"name,value\na,1\nb,2\n"


@pytest.mark.parametrize("given", TABLES)
def test_an_ending_that_names_no_table_is_refused(reviews: Repo, given: str) -> None:
    with reviews.commit(allow_empty=True) as commit, pytest.raises(InvalidInput, match=r"\.csv or \.parquet"):
        commit.put("/table.xlsx", TABLES[given])


def test_a_file_that_is_no_table_says_so(reviews: Repo) -> None:
    with reviews.commit() as commit:
        commit.put("/broken.parquet", "not parquet")
        commit.put("/text.txt", "x")
        commit.put("/broken.csv", "a,b\n1,2,3,4\n1\n")

    view = reviews.at()
    for library in ("pandas", "polars", "arrow"):
        with pytest.raises(InvalidInput, match=r"broken\.parquet"):
            view.frame("/broken.parquet", library)
    with pytest.raises(InvalidInput, match=r"broken\.csv"):
        view.frame("/broken.csv", "arrow")
    with pytest.raises(InvalidInput, match=r"text\.txt"):
        view.frame("/text.txt")
    with pytest.raises(InvalidInput, match="numpy"):
        view.frame("/broken.csv", "numpy")  # type: ignore[arg-type]  # the mistake is the point
    with pytest.raises(NotAFile):
        view.frame("/")


ALONE = """
import sys
import headwater as hw
with hw.open(sys.argv[1], create=True) as workspace:
    repo = workspace.repo("reviews", create=True)
    with repo.commit() as commit:
        commit.put("/a.csv", "x\\n1\\n")
    repo.at().read("/a.csv")
print(sorted({"pandas", "polars", "pyarrow", "numpy"} & set(sys.modules)))
"""


def test_no_library_of_tables_is_imported_before_a_table_comes(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path / "work")], check=True, capture_output=True, text=True
    )

    assert ended.stdout.strip() == "[]"


def test_spans_count_as_slices_do(reviews: Repo) -> None:
    data = bytes(range(256)) * 5_000
    with reviews.commit() as commit:
        commit.put("/large", data)

    view = reviews.at()
    for start, stop in ((0, 10), (-10, None), (1_048_570, 1_048_580), (5, 5), (7, 2), (0, 10**9)):
        assert view.read("/large", start, stop) == data[start:stop]


def test_globs_capture_and_walks_go_all_the_way_down(reviews: Repo) -> None:
    with reviews.commit() as commit:
        for name in ("a/2025-x.txt", "a/b/2026-y.txt", "z.txt"):
            commit.put(f"/{name}", name)

    view = reviews.at()
    assert [(one.file.path, one.captures) for one in view.captures("/**/(*)-(?).txt")] == [
        ("/a/2025-x.txt", ("2025", "x")),
        ("/a/b/2026-y.txt", ("2026", "y")),
    ]
    assert [file.path for file in view.walk("/a")] == ["/a/2025-x.txt", "/a/b/2026-y.txt"]
    assert [file.path for file in view.walk("/z.txt")] == ["/z.txt"]
