"""What can be wrong with a training request, its data, or a fit."""

from collections.abc import Sequence
from typing import Any

from headwater.errors import InvalidInput


class InvalidRequest(InvalidInput):
    """A training request has mistakes; `details` has one entry per mistake."""

    kind = "invalid-request"

    def __init__(self, details: Sequence[dict[str, Any]], *, hint: str = "") -> None:
        """Takes `{field, message}` per mistake and puts them all into the message."""
        lines = [f"{one['field']}: {one['message']}" for one in details]
        head = (
            "The training request has a mistake"
            if len(lines) == 1
            else f"The request has {len(lines)} mistakes"
        )
        message = f"{head}: {lines[0]}" if len(lines) == 1 else "\n- ".join([f"{head}:", *lines])
        super().__init__(
            message, hint=hint or "Mend what is named and send the request again.", details=details
        )


class InvalidData(InvalidInput):
    """A data file cannot be read, or is not what the request needs."""

    kind = "invalid-data"


class InvalidFilter(InvalidInput):
    """A request's `where` is not an expression over the data's columns."""

    kind = "invalid-filter"


class TargetUnusable(InvalidInput):
    """Targets cannot be learned from this data."""

    kind = "target-unusable"

    def __init__(self, mistakes: Sequence[tuple[str, str, str]]) -> None:
        """Takes the target, the message and what to do, per target."""
        hints = dict.fromkeys(hint for _, _, hint in mistakes)
        super().__init__(
            "\n".join(message for _, message, _ in mistakes),
            hint="\n".join(hints),
            details=[{"target": target, "message": message} for target, message, _ in mistakes],
        )
        self.targets = [target for target, _, _ in mistakes]


class TooFewRows(InvalidInput):
    """The split leaves too few rows to train or to test with."""

    kind = "too-few-rows"


class FitFailed(InvalidInput):
    """The algorithm refused the data or the parameters."""

    kind = "fit-failed"
