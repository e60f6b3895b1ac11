"""Applies a request to a data file: which rows, which targets with which task, which features of each.

All that can be wrong with a request over this data is found here, before the
first fit: columns that do not exist, targets with missing values, a text where
a number is asked for, a filter that leaves nothing. Every message names the
columns and rows that are meant, counted as somebody would in the file.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headwater.errors import did_you_mean
from headwater.features import to_columns
from headwater.models import target_folder
from headwater.training.errors import InvalidData, InvalidRequest, TargetUnusable
from headwater.training.request import ALL, Task, TrainingRequest
from headwater.training.row_filter import parse_filter
from headwater.training.shapes import Problem
from headwater.training.split import split_rows
from headwater.training.tables import read_table
from headwater.training.targets import check_target, task_for

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAX_CATEGORIES = 1_000


@dataclass(frozen=True)
class Target:
    """A column to learn, and as what.

    `folder` is where its files lie in the artifact. Its number is the
    column's place in the file, so that asking for other targets too neither
    moves nor changes what was already made.
    """

    name: str
    task: Task
    folder: str


@dataclass(frozen=True)
class Dataset:
    """The rows that a request is about.

    `table` holds every column of the file, for the kept rows only; `rows` are
    their numbers in the file, from 1, which has `file_rows`.
    """

    name: str
    table: Any  # a pyarrow table: pyarrow ships no types
    rows: "NDArray[np.int64]"
    file_rows: int
    targets: tuple[Target, ...]
    request: TrainingRequest

    def target(self, name: str) -> Target:
        """Returns the target of this name."""
        return next(target for target in self.targets if target.name == name)

    def features_of(self, target: str) -> tuple[str, ...]:
        """Returns the columns that this target is learned from, in the file's order."""
        admits = self.request.features.admits
        return tuple(name for name in self.table.column_names if name != target and admits(name))

    def values(self, column: str) -> Any:
        """Returns a column as numpy: numbers with NaN for missing ones, others with None."""
        return to_columns(self.table.select([column]))[column]


def open_dataset(
    request: TrainingRequest, source: Path | bytes, *, name: str, only: Sequence[str] | None = None
) -> Dataset:
    """Returns the request's rows and targets, checked.

    Args:
        request: The request.
        source: The data file, or its bytes.
        name: The file's path in its repo.
        only: Look at these targets alone, as the fit of one target does.

    Raises:
        InvalidData: The file cannot be read, or has no usable rows.
        InvalidRequest: The request names columns that the file does not have.
        TargetUnusable: A target's values cannot be learned.
        TooFewRows: The split leaves too few rows.
    """
    import numpy as np

    table = read_table(source, name)
    file_rows = table.num_rows
    rows = np.arange(1, file_rows + 1)
    if request.where is not None:
        kept = parse_filter(request.where).mask(table)
        table, rows = table.filter(kept), rows[np.asarray(kept.to_numpy(), dtype=bool)]
        if not len(rows):
            raise InvalidData(
                f"`where` keeps none of the rows of {name}.", hint="Loosen it, or leave it out."
            )
    _check_columns(request, table.column_names, name)
    wanted = target_names(request, table.column_names) if only is None else tuple(only)
    targets = tuple(_target(request, table, target) for target in wanted)
    split_rows(len(rows), request.split)
    dataset = Dataset(name, table, rows, file_rows, targets, request)
    _check_targets(dataset)
    _check_features(dataset)
    return dataset


def target_names(request: TrainingRequest, columns: Iterable[str]) -> tuple[str, ...]:
    """Returns the targets' names; `all` is every column that may be a feature, in the file's order."""
    if request.targets == ALL:
        return tuple(name for name in columns if request.features.admits(name))
    return tuple(request.targets)


def _target(request: TrainingRequest, table: Any, name: str) -> Target:
    task = task_for(request.task_of(name), table[name])
    return Target(name, task, target_folder(table.column_names.index(name), name))


def _check_columns(request: TrainingRequest, columns: Sequence[str], name: str) -> None:
    problems: list[Problem] = []

    def look(field: str, names: Iterable[str]) -> None:
        problems.extend(
            {
                "field": field,
                "message": f"{column!r} is not a column of {name}. {did_you_mean(column, columns)}",
            }
            for column in names
            if column not in columns
        )

    look("targets", request.targets if isinstance(request.targets, tuple) else ())
    look("features.include", request.features.include or ())
    look("features.exclude", request.features.exclude)
    look("features.fields", request.features.fields)
    look("task", request.task if isinstance(request.task, dict) else ())
    if not problems and not target_names(request, columns):
        problems.append(
            {"field": "targets", "message": f"no column of {name} is left. Exclude fewer features."}
        )
    if problems:
        raise InvalidRequest(problems)


def _check_targets(dataset: Dataset) -> None:
    mistakes = []
    for target in dataset.targets:
        mistake = check_target(target.name, target.task, dataset.table[target.name], dataset.rows)
        if mistake is not None:
            mistakes.append(mistake)
        elif not dataset.features_of(target.name):
            mistakes.append(
                (target.name, f"The target {target.name!r} has no features.", "Exclude fewer columns.")
            )
    if mistakes:
        raise TargetUnusable(mistakes)


def _check_features(dataset: Dataset) -> None:
    import pyarrow.compute as pc
    import pyarrow.types as pt

    used = {name for target in dataset.targets for name in dataset.features_of(target.name)}
    problems: list[Problem] = []
    for name in dataset.table.column_names:
        if name not in used:
            continue
        column = dataset.table[name]
        message = ""
        if column.null_count == len(column):
            message = "has no value in any row"
        elif pt.is_string(column.type) and (count := len(pc.unique(column))) > _MAX_CATEGORIES:
            message = f"is text with {count} different values (at most {_MAX_CATEGORIES} can be told apart)"
        elif pt.is_floating(column.type) and pc.any(pc.is_inf(column)).as_py():
            message = "has infinite values"
        if message:
            problems.append({"field": name, "message": message})
    if problems:
        told = "; ".join(f"{problem['field']!r} {problem['message']}" for problem in problems)
        names = ", ".join(problem["field"] for problem in problems)
        raise InvalidData(
            f"{dataset.name} has columns that cannot be features: {told}.",
            hint=f"Leave them out with `features: {{exclude: [{names}]}}`, or mend the file.",
            details=problems,
        )
