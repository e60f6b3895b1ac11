"""What an algorithm promises, so that fitting, tuning and evaluation never ask which one it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Mistake = tuple[str, str]


@dataclass(frozen=True)
class Labels:
    """What a model learns to give: numbers (`classes` 0) or the index of a class.

    Regression has float64 values of shape (rows,); classification int64
    values in [0, classes).
    """

    values: "NDArray[np.float64] | NDArray[np.int64]"
    classes: int = 0

    @property
    def task(self) -> Literal["regression", "classification"]:
        """The task that these labels are for."""
        return "classification" if self.classes else "regression"


class FittedModel(Protocol):
    """A model after its fit."""

    def predict(self, matrix: "NDArray[np.floating[Any]]") -> "NDArray[np.float64]":
        """Returns values of shape (rows,) for regression, probabilities of shape (rows, classes) otherwise."""
        ...

    def importances(self) -> "NDArray[np.float64]":
        """Returns how much each column of the matrix helped, shape (columns,), summing to 1 or all 0."""
        ...

    def save(self) -> bytes:
        """Returns the model in the algorithm's safe format; equal fits give equal bytes."""
        ...


class Algorithm(Protocol):
    """Makes models of one kind.

    Every algorithm promises:
    - `fit` does nothing but the fit: what it takes beyond the library's own
      call is lost time for everyone.
    - The same matrix, labels and parameters give the same model.
    - Parameters it does not know, or cannot honour, are mistakes.
    """

    name: str
    file: str

    def mistakes(self, params: Mapping[str, Any], task: str | None = None) -> list[Mistake]:
        """Returns what is wrong with the parameters (for a task, once it is known)."""
        ...

    def resolved(self, params: Mapping[str, Any], *, seed: int) -> dict[str, Any]:
        """Returns the parameters under their one name, with the seed where none is given."""
        ...

    def load(self) -> None:
        """Imports the library, so that the first fit's time is that of a fit."""
        ...

    def fit(
        self, matrix: "NDArray[np.floating[Any]]", labels: Labels, params: Mapping[str, Any], *, threads: int
    ) -> FittedModel:
        """Returns a model fitted with resolved parameters, on so many threads unless they say otherwise.

        Raises:
            FitFailed: The library refuses the data or a parameter.
        """
        ...
