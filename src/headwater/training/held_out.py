"""The held-out rows of a target as a table: what went in, what was there, what the model says.

The file's first columns are the target's features under their own names, in
the order of `target.json`; after them come `actual`, `predicted`, then
`lower` and `upper`, or `probabilities` (in the order of the classes) and
`set`, and last `row`, its number in the data file. A feature may itself be
called `actual`, so columns are found by place, and only people by name.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headwater.models import ClassTable, NumberTable, TargetInfo, coverage, set_coverage
from headwater.models.held_out import scores_of
from headwater.models.predictions import class_key

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class HeldOut:
    """Test rows: what was really there, value or class, and what the model says."""

    actual: list[Any]
    prediction: NumberTable | ClassTable

    @cached_property
    def scores(self) -> dict[str, float]:
        """Every metric that is defined for these rows, and `coverage` where predictions have a confidence."""
        found = scores_of(self.prediction, self.actual)
        return found if self.coverage is None else found | {"coverage": self.coverage}

    @cached_property
    def coverage(self) -> float | None:
        """The share of rows whose value or class lies in its interval or set."""
        table = self.prediction
        if isinstance(table, ClassTable):
            return None if table.sets is None else set_coverage(self.codes, table.sets)
        if table.lower is None or table.upper is None:
            return None
        return coverage(self.values, table.lower, table.upper)

    @cached_property
    def width(self) -> float | None:
        """The median width of the intervals, or the mean number of classes in a set."""
        table = self.prediction
        if isinstance(table, ClassTable):
            return None if table.sets is None else float(table.sets.sum(axis=1).mean())
        return (
            None
            if table.lower is None or table.upper is None
            else float(np.median(table.upper - table.lower))
        )

    @property
    def values(self) -> "NDArray[np.float64]":
        """The actual values of a regression, shape (rows,)."""
        return np.array(self.actual, dtype=np.float64)

    @property
    def codes(self) -> "NDArray[np.int64]":
        """The index of each row's actual class, shape (rows,)."""
        classes = self.prediction.classes if isinstance(self.prediction, ClassTable) else ()
        places = {label: place for place, label in enumerate(classes)}
        return np.array([places[label] for label in self.actual], dtype=np.int64)


def class_texts(info: TargetInfo) -> list[str]:
    """Returns the classes as texts, in the order of the model's outputs."""
    return [class_key(label) for label in info.classes]


def held_out_table(info: TargetInfo, rows: HeldOut, source: Any, numbers: "NDArray[np.int64]") -> Any:
    """Returns the rows as a pyarrow table.

    Args:
        info: The target.
        rows: Its test rows.
        source: The data's table at exactly these rows.
        numbers: Their numbers in the data file.
    """
    import pyarrow as pa

    table = rows.prediction
    columns = [(name, source[name].combine_chunks()) for name in info.features]
    columns.append(("actual", source[info.target].combine_chunks()))
    if isinstance(table, NumberTable):
        columns.append(("predicted", pa.array(table.value)))
        ends = (("lower", table.lower), ("upper", table.upper))
        columns += [(name, pa.array(values)) for name, values in ends if values is not None]
    else:
        columns.append(("predicted", pa.array(table.label.tolist())))
        columns.append(("probabilities", pa.array(table.probabilities.tolist(), pa.list_(pa.float64()))))
        if table.sets is not None:
            sets = [[table.classes[place] for place in np.flatnonzero(row)] for row in table.sets]
            columns.append(("set", pa.array(sets)))
    columns.append(("row", pa.array(numbers)))
    return pa.table([values for _, values in columns], names=[name for name, _ in columns])


def read_predictions(info: TargetInfo, path: Path) -> "tuple[HeldOut, NDArray[np.int64]]":
    """Returns the rows of a file that `held_out_table` was written to, and their numbers in the data file."""
    import pyarrow.parquet as pq

    table = pq.ParquetFile(path).read()
    width = len(info.features)
    columns = dict(zip(table.column_names[width:], table.columns[width:], strict=True))
    actual, numbers = columns["actual"].to_pylist(), columns["row"].to_numpy()
    level = None if info.confidence is None else info.confidence.level
    if info.task == "regression":
        lower, upper = (columns[name].to_numpy() if name in columns else None for name in ("lower", "upper"))
        return HeldOut(actual, NumberTable(columns["predicted"].to_numpy(), lower, upper, level)), numbers
    places = {label: place for place, label in enumerate(info.classes)}
    codes = np.array([places[label] for label in columns["predicted"].to_pylist()], dtype=np.int64)
    sets = _sets(columns["set"].to_pylist(), places) if "set" in columns else None
    probabilities = np.array(columns["probabilities"].to_pylist())
    return HeldOut(actual, ClassTable(info.classes, codes, probabilities, sets, level)), numbers


def _sets(members: list[list[Any]], places: dict[Any, int]) -> "NDArray[np.bool_]":
    inside = np.zeros((len(members), len(places)), dtype=np.bool_)
    for row, labels in enumerate(members):
        inside[row, [places[label] for label in labels]] = True
    return inside
