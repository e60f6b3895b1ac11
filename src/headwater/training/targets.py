"""Decides what a target column is, and whether it can be learned.

Text and booleans are classes, numbers are values, unless the request says
otherwise; a column of few whole numbers stays a number, since nothing but its
owner knows that 0, 1 and 2 are names.
"""

import re
from typing import TYPE_CHECKING, Any

from headwater.training.request import Task, TaskChoice

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAX_CLASSES = 1_000
_SHOWN = 5
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")

Mistake = tuple[str, str, str]


def task_for(choice: TaskChoice, column: Any) -> Task:
    """Returns the task of a target: as asked for, else by the column's type."""
    if choice != "auto":
        return choice
    return "regression" if _is_number(column) else "classification"


def check_target(name: str, task: Task, column: Any, rows: "NDArray[np.int64]") -> Mistake | None:
    """Returns the target, what is wrong with its values and what to do; or none.

    Args:
        name: The target.
        task: What it is to be learned as.
        column: Its values, a pyarrow column.
        rows: The number in the file of each row, from 1.
    """
    if task == "regression" and str(column.type) == "string":
        return _text_for_number(name, column, rows)
    return _missing(name, column, rows) or _too_plain(name, column) or _classes(name, task, column)


def _text_for_number(name: str, column: Any, rows: "NDArray[np.int64]") -> Mistake:
    texts = column.to_pylist()
    odd = [place for place, text in enumerate(texts) if text is not None and not _NUMBER.fullmatch(text)]
    examples = ", ".join(repr(text) for text in dict.fromkeys(texts[place] for place in odd[:100]))
    if len(odd) <= len(texts) // 2:
        message = (
            f"The target {name!r} is text: {_count(len(odd), 'value')} of {len(texts)} are no numbers "
            f"({_short(examples)} in {_row_list(rows[odd])})."
        )
        return name, message, "Mend or leave out these rows, then commit the file again."
    message = f"The target {name!r} is a column of text ({_short(examples)}), and regression needs numbers."
    return (
        name,
        message,
        "Write `task: auto` (text is then learned as classes), or leave it out of the targets.",
    )


def _missing(name: str, column: Any, rows: "NDArray[np.int64]") -> Mistake | None:
    import numpy as np
    import pyarrow.compute as pc

    gaps = np.asarray(pc.is_null(column, nan_is_null=True).to_numpy(), dtype=bool)
    if str(column.type) == "double":
        gaps |= np.asarray(pc.fill_null(pc.is_inf(column), fill_value=False).to_numpy(), dtype=bool)
    if not gaps.any():
        return None
    count = int(gaps.sum())
    message = (
        f"The target {name!r} has no value (or an infinite one) in {_count(count, 'row')} of {len(rows)}: "
        f"{_row_list(rows[gaps])}."
    )
    quoted = name if name.isidentifier() else f"`{name}`"
    return name, message, f'Fill them in, or leave these rows out with `where: "{quoted} is not None"`.'


def _too_plain(name: str, column: Any) -> Mistake | None:
    import pyarrow.compute as pc

    distinct = pc.unique(column)
    if len(distinct) > 1:
        return None
    message = f"The target {name!r} is {distinct[0].as_py()!r} in every row, so there is nothing to learn."
    return name, message, f"Leave it out: name other targets, or `features: {{exclude: [{name}]}}`."


def _classes(name: str, task: Task, column: Any) -> Mistake | None:
    import pyarrow.compute as pc

    if task != "classification":
        return None
    count = len(pc.unique(column))
    if count <= _MAX_CLASSES and 2 * count <= len(column):
        return None
    message = f"The target {name!r} has {count} different values in {len(column)} rows, too many to learn as classes."
    what = "Write `task: regression`" if _is_number(column) else "Leave it out of the targets"
    return name, message, f"{what}, or commit more rows of each class."


def _is_number(column: Any) -> bool:
    return str(column.type) in ("int64", "double")


def _row_list(rows: "NDArray[np.int64]") -> str:
    shown = ", ".join(str(row) for row in rows[:_SHOWN])
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more} (the first after the header is 1)"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
