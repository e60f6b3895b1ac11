"""The libraries that people open `headwater://` with."""

from typing import Any

import pandas as pd
import pytest

from headwater.workspace import Workspace
from tests.filesystem.conftest import TOP

FRAME = pd.DataFrame({"stars": [5, 1, 3], "text": ["A fine film.", "No.", "Ünïcode"]})


@pytest.fixture
def options(place: str) -> dict[str, str]:
    return {"workspace": place}


def test_pandas_writes_and_reads_csv_and_parquet(options: dict[str, str], workspace: Workspace) -> None:
    FRAME.to_csv(f"headwater://{TOP}/a.csv", index=False, storage_options=options)
    FRAME.to_csv(f"headwater://{TOP}/a.csv.gz", index=False, storage_options=options)
    FRAME.to_parquet(f"headwater://{TOP}/a.parquet", storage_options=options)

    for read in (
        pd.read_csv(f"headwater://{TOP}/a.csv", storage_options=options),
        pd.read_csv(f"headwater://{TOP}/a.csv.gz", storage_options=options),
        pd.read_parquet(f"headwater://{TOP}/a.parquet", storage_options=options),
    ):
        assert read.equals(FRAME)
    assert len(workspace.log(TOP).items) == 4


def test_polars_reads_scans_and_writes(fs: Any) -> None:
    import polars as pl

    frame = pl.DataFrame({"stars": [5, 1], "text": ["a", "b"]})
    with fs.open(f"{TOP}/p.parquet", "wb") as file:
        frame.write_parquet(file)
    with fs.open(f"{TOP}/p.csv", "wb") as file:
        frame.write_csv(file)

    with fs.open(f"{TOP}/p.parquet") as file:
        assert pl.read_parquet(file).equals(frame)
    with fs.open(f"{TOP}/p.parquet") as file:
        assert pl.scan_parquet(file).filter(pl.col("stars") > 2).collect().height == 1
    with fs.open(f"{TOP}/p.csv") as file:
        assert pl.read_csv(file).equals(frame)


def test_pyarrow_writes_and_scans_a_partitioned_dataset_as_one_commit(fs: Any, workspace: Workspace) -> None:
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    table = pa.table({"year": [2025, 2026, 2026], "stars": [5, 1, 3]})

    with fs.transaction:
        ds.write_dataset(
            table,
            f"{TOP}/set",
            format="parquet",
            partitioning=["year"],
            partitioning_flavor="hive",
            filesystem=fs,
        )
    found = ds.dataset(f"{TOP}/set", filesystem=fs, partitioning="hive").to_table(
        filter=ds.field("year") == 2026
    )
    pq.write_table(table, f"{TOP}/one.parquet", filesystem=fs)

    assert sorted(found["stars"].to_pylist()) == [1, 3]
    assert pq.read_table(f"{TOP}/one.parquet", filesystem=fs).equals(table)
    assert len(workspace.log(TOP).items) == 3


def test_duckdb_reads_and_writes(fs: Any) -> None:
    import duckdb

    with fs.open(f"{TOP}/d/1.parquet", "wb") as file:
        FRAME.to_parquet(file)
    with duckdb.connect() as db:
        db.register_filesystem(fs)

        found = db.read_parquet(f"headwater://{TOP}/d/*.parquet")
        read = found.sum("stars").fetchall()
        db.sql(f"copy (select 7 as seven) to 'headwater://{TOP}/w.csv' (header)")

    assert read == [(9,)]
    assert fs.cat(f"{TOP}/w.csv") == b"seven\n7\n"
