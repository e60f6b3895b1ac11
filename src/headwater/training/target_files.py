"""Writes what the fit of one target leaves: model, description, test rows and pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headwater.models import Layout, NumberTable
from headwater.training.dataset import Dataset, Target
from headwater.training.fitting import FittedTarget
from headwater.training.held_out import class_texts, held_out_table
from headwater.training.plots import (
    confusion_plot,
    importance_plot,
    predicted_actual_plot,
    residual_plot,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


def write_target(dataset: Dataset, target: Target, fitted: FittedTarget, out: Path) -> None:
    """Writes the target's files below `out`, under its folder."""
    folder = out / target.folder
    (folder / Layout.TARGET_PLOTS).mkdir(parents=True)
    (folder / fitted.info.file).write_bytes(fitted.model)
    (folder / Layout.TARGET_INFO).write_bytes(fitted.info.to_json())
    table = held_out_table(
        fitted.info, fitted.rows, dataset.table.take(fitted.test), dataset.rows[fitted.test]
    )
    write_parquet(table, folder / Layout.TARGET_TEST)
    for name, picture in _pictures(fitted).items():
        (folder / Layout.TARGET_PLOTS / f"{name}.svg").write_bytes(picture)


def write_parquet(table: Any, path: Path) -> None:
    """Writes a pyarrow table; equal tables give equal bytes, and files of different libraries' names stay out."""
    import pyarrow.parquet as pq

    pq.write_table(table, path, compression="zstd", store_schema=False)


def confusion(
    actual: "NDArray[np.int64]", predicted: "NDArray[np.int64]", classes: int
) -> "NDArray[np.int64]":
    """Returns counts by actual (rows) and predicted class (columns), shape (classes, classes)."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (actual, predicted), 1)
    return counts


def _pictures(fitted: FittedTarget) -> dict[str, bytes]:
    info, rows, table = fitted.info, fitted.rows, fitted.rows.prediction
    pictures = {"importances": importance_plot(info.features, fitted.importances)}
    if isinstance(table, NumberTable):
        ends = (table.lower, table.upper) if table.lower is not None and table.upper is not None else None
        pictures["predicted-actual"] = predicted_actual_plot(rows.values, table.value, ends)
        pictures["residuals"] = residual_plot(rows.values, table.value)
    else:
        names = class_texts(info)
        pictures["confusion"] = confusion_plot(names, confusion(rows.codes, table.codes, len(names)))
    return pictures
