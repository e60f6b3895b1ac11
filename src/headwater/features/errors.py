"""What can be wrong with fields, rows and frames."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from headwater.errors import InvalidInput

if TYPE_CHECKING:
    from headwater.features.fields import RowProblem


class InvalidField(InvalidInput):
    """What is declared about fields contradicts itself or the data."""

    kind = "invalid-field"

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        """Takes (field, sentence) pairs and tells them all."""
        super().__init__(
            " ".join(sentence for _, sentence in problems),
            hint="Mend what is declared under `features: fields`, or leave the column out.",
            details=[{"field": field, "message": sentence} for field, sentence in problems],
        )


class CannotFit(InvalidInput):
    """A column of the training rows gives nothing to fit a transform on."""

    kind = "cannot-fit"


class FrameRefused(InvalidInput):
    """The object is no table that can be read, or a column of it has no usable type."""

    kind = "frame-refused"


class RowsRefused(InvalidInput):
    """Rows do not keep to the schema; `problems` lists every one that was found."""

    kind = "rows-refused"

    def __init__(self, problems: "Sequence[RowProblem]") -> None:
        """Tells the first problem and how many there are; `details` has them all."""
        first = problems[0]
        place = "" if first.row is None else f"Row {first.row}: "
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        details: list[dict[str, Any]] = [
            {"row": problem.row, "field": problem.field, "code": problem.code, "message": problem.message}
            for problem in problems
        ]
        super().__init__(
            f"{place}{first.message}{more}",
            hint="Change these values and send the rows again.",
            details=details,
        )
        self.problems = list(problems)
