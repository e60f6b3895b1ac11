"""Reads the rows that a version keeps to be tested with, and scores predictions of them.

In a target's `test.parquet` the first columns are its features, in the order
of `target.json`, and the one after them is what was really there. So columns
are found by place: a feature may have any name.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from headwater.errors import MissingExtra
from headwater.features import Columns, to_columns
from headwater.models.artifact import ArtifactReader, Class, TargetInfo, read_file
from headwater.models.errors import ArtifactCorrupt
from headwater.models.predictions import ClassTable, NumberTable
from headwater.models.scores import classification_scores, regression_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class HeldOutRows:
    """Rows of one target: the features as a table, and what was really there, value or class."""

    columns: Columns
    actual: "list[Any]"


def read_held_out(read: ArtifactReader, path: str, info: TargetInfo) -> HeldOutRows:
    """Returns the rows in the artifact's file at `path`.

    Raises:
        ArtifactCorrupt: The file is missing, or does not hold this target's rows.
        MissingExtra: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtra("Testing a version with its rows", extra="ml") from None
    data = read_file(read, path)
    try:
        table = pq.ParquetFile(BytesIO(data)).read()
    except (pa.ArrowException, OSError) as error:
        raise ArtifactCorrupt(path, f"is no Parquet file ({error})") from None
    width = len(info.features)
    if tuple(table.column_names[:width]) != info.features or table.num_columns <= width:
        raise ArtifactCorrupt(path, "does not begin with the target's features and values")
    return HeldOutRows(to_columns(table.select(list(range(width)))), table.column(width).to_pylist())


def scores_of(prediction: NumberTable | ClassTable, actual: "list[Any]") -> dict[str, float]:
    """Returns every metric that is defined for these rows.

    A class that the model does not know counts as one to which it gives the
    probability 0.

    Args:
        prediction: What a model says of the rows.
        actual: What was really there; at least one row.
    """
    import numpy as np

    if isinstance(prediction, NumberTable):
        return regression_scores(np.array(actual, dtype=np.float64), prediction.value)
    places = _places(prediction.classes, actual)
    unknown = np.zeros((len(actual), len(places) - len(prediction.classes)))
    shares: NDArray[np.float64] = np.hstack([prediction.probabilities, unknown])
    return classification_scores(np.array([places[value] for value in actual], dtype=np.int64), shares)


def _places(classes: "tuple[Class, ...]", actual: "list[Any]") -> dict[Any, int]:
    places: dict[Any, int] = {}
    for name in (*classes, *actual):
        places.setdefault(name, len(places))
    return places
