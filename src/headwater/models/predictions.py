"""Predictions of a table, and how they look as JSON rows and as columns of a data frame."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from headwater.models.artifact import Class


class NumberTable:
    """Predicted numbers with the ends of their intervals, all of shape (rows,).

    Ends are infinite where calibration could not bound them, and none without
    calibration; so is `confidence`, the share of true values that intervals hold.
    """

    def __init__(
        self,
        value: "NDArray[np.float64]",
        lower: "NDArray[np.float64] | None",
        upper: "NDArray[np.float64] | None",
        confidence: float | None,
    ) -> None:
        """Takes the columns."""
        self.value = value
        self.lower = lower
        self.upper = upper
        self.confidence = confidence

    def rows(self) -> list[dict[str, Any]]:
        """Returns each row as JSON has it; an infinite end is None."""
        values = self.value.tolist()
        confidence = self.confidence
        if self.lower is None or self.upper is None or not self._is_bounded:
            return [
                {"value": value, "lower": None, "upper": None, "confidence": confidence} for value in values
            ]
        ends = zip(values, self.lower.tolist(), self.upper.tolist(), strict=True)
        return [
            {"value": value, "lower": lower, "upper": upper, "confidence": confidence}
            for value, lower, upper in ends
        ]

    def columns(self, target: str) -> "dict[str, NDArray[Any]]":
        """Returns the columns of a data frame: the target's name, and with `_lower` and `_upper` behind it."""
        found = {target: self.value}
        if self.lower is not None and self.upper is not None:
            found |= {f"{target}_lower": self.lower, f"{target}_upper": self.upper}
        return found

    @property
    def _is_bounded(self) -> bool:
        import numpy as np

        # One radius serves all rows, so the first tells of all.
        return self.lower is not None and len(self.lower) > 0 and bool(np.isfinite(self.lower[0]))


class ClassTable:
    """Predicted classes with calibrated probabilities and sets, both of shape (rows, classes).

    `sets` and `confidence`, the share of true classes that the sets hold, are
    none without calibration.
    """

    def __init__(
        self,
        classes: "tuple[Class, ...]",
        codes: "NDArray[np.int64]",
        probabilities: "NDArray[np.float64]",
        sets: "NDArray[np.bool_] | None",
        confidence: float | None,
    ) -> None:
        """Takes the columns; classes are in the order of the second dimension, `codes` each row's label."""
        self.classes = classes
        self.codes = codes
        self.probabilities = probabilities
        self.sets = sets
        self.confidence = confidence

    @cached_property
    def label(self) -> "NDArray[Any]":
        """Each row's most probable class, shape (rows,), objects."""
        import numpy as np

        names = np.empty(len(self.classes), dtype=object)
        names[:] = self.classes
        labels: NDArray[Any] = names[self.codes]
        return labels

    def rows(self) -> list[dict[str, Any]]:
        """Returns each row as JSON has it, the set's classes by falling probability."""
        keys = [class_key(name) for name in self.classes]
        sets = self._set_lists()
        return [
            {
                "label": self.classes[code],
                "probabilities": dict(zip(keys, shares, strict=True)),
                "set": members,
                "confidence": self.confidence,
            }
            for code, shares, members in zip(
                self.codes.tolist(), self.probabilities.tolist(), sets, strict=True
            )
        ]

    def columns(self, target: str) -> "dict[str, NDArray[Any]]":
        """Returns the columns of a data frame: the label under the target's name, `_set`, and `_p_` per class."""
        import numpy as np

        found: dict[str, NDArray[Any]] = {target: self.label}
        if self.sets is not None:
            members = np.empty(len(self.sets), dtype=object)
            members[:] = self._set_lists()
            found[f"{target}_set"] = members
        for place, name in enumerate(self.classes):
            found[f"{target}_p_{class_key(name)}"] = self.probabilities[:, place]
        return found

    def _set_lists(self) -> list[list["Class"] | None]:
        import numpy as np

        if self.sets is None:
            return [None] * len(self.probabilities)
        order = np.argsort(-self.probabilities, axis=1, kind="stable")
        inside = np.take_along_axis(self.sets, order, axis=1)
        return [
            [self.classes[place] for place, is_member in zip(places, flags, strict=True) if is_member]
            for places, flags in zip(order.tolist(), inside.tolist(), strict=True)
        ]


def class_key(name: "Class") -> str:
    """Returns a class as a key of a JSON object: a text as it is, others as JSON writes them."""
    if isinstance(name, bool):
        return "true" if name else "false"
    return name if isinstance(name, str) else repr(name)
