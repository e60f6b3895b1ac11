"""Counts how many rows of a data file are new or other than before.

The number of rows alone does not tell: a file in which ten rows were mended
has as many as before, and one that lost ten and won ten others too. So rows
are compared as a bag: by their values, whatever their order.
"""

from typing import TYPE_CHECKING, Any

from headwater.training.row_filter import parse_filter
from headwater.training.tables import read_table

if TYPE_CHECKING:
    from headwater.training.request import TrainingRequest


def kept_rows(request: "TrainingRequest", source: bytes, *, name: str) -> Any:
    """Returns the rows of a data file that the request is about, as an Arrow table.

    Raises:
        InvalidData: The file cannot be read.
        InvalidFilter: Its columns are not those of the request's `where`.
    """
    table = read_table(source, name)
    return table if request.where is None else table.filter(parse_filter(request.where).mask(table))


def count_changes(before: Any, now: Any) -> int:
    """Returns how many rows came or went, whichever is more; an edited row counts once.

    Args:
        before: An Arrow table of plain columns.
        now: Another one; where its columns are not the same, every row has changed.
    """
    import pyarrow as pa

    names = now.column_names
    if set(names) != set(before.column_names):
        return max(len(before), len(now), 1)
    sides = [
        table.select(names).append_column("", pa.array([sign] * len(table), pa.int64()))
        for table, sign in ((before, -1), (now, 1))
    ]
    try:
        both = pa.concat_tables(sides, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # a column that was of numbers is of texts by now
        return max(len(before), len(now), 1)
    surplus = both.group_by(names).aggregate([("", "sum")])["_sum"].to_numpy()
    return max(int(surplus[surplus > 0].sum()), int(-surplus[surplus < 0].sum()))
