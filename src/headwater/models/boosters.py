"""Loads models from formats that hold no code, and runs them on matrices.

What a file is, its ending says; a pickle has no ending here. One row is run on
one thread: starting more would take longer than the trees. A large table is
cut into slices, each on a thread of its own, since XGBoost gives up the
interpreter's lock while it predicts; a row's result does not depend on where
the cuts are.
"""

import os
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

from headwater.errors import MissingExtra
from headwater.models.errors import ArtifactCorrupt, ArtifactFormat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SLICE = 8192
_PLACE = re.compile(r"^\[[\d:]+\] \S+:\d+: ")


class Model(Protocol):
    """A model that is ready to predict; may be used from many threads at once."""

    def predict(self, matrix: "NDArray[np.float32]") -> "NDArray[np.float64]":
        """Returns values, shape (rows,), or probabilities, shape (rows, classes)."""
        ...


def load_model(path: str, data: bytes, *, columns: int, classes: int) -> Model:
    """Returns the model in a file.

    Args:
        path: The file's path in the artifact; its ending says the format.
        data: Its bytes.
        columns: How many columns its matrix must have.
        classes: How many classes it must give; 0 for a regression.

    Raises:
        ArtifactCorrupt: The bytes are no model of this format, or one of another shape.
        ArtifactFormat: The format is not known here.
        MissingExtra: The format's library is not installed.
    """
    loader = _LOADERS.get(PurePosixPath(path).suffix)
    if loader is None:
        raise ArtifactFormat(
            f"The model {path} is of a kind that this version of Headwater does not load.",
            hint=f"Kinds that it loads: {', '.join(_LOADERS)}. A newer version may know more.",
        )
    return loader(path, data, columns, classes)


class _Booster:
    """Trees of XGBoost."""

    def __init__(
        self, booster: Any, columns: int, classes: int
    ) -> None:  # XGBoost's type is known once it is imported
        self._booster = booster
        self._columns = columns
        self._classes = classes

    def predict(self, matrix: "NDArray[np.float32]") -> "NDArray[np.float64]":
        import numpy as np

        rows = len(matrix)
        if not rows:
            return np.empty((0, self._classes) if self._classes else 0)
        if rows <= _SLICE:
            raw = self._run(matrix)
        else:
            slices = [matrix[start : start + _SLICE] for start in range(0, rows, _SLICE)]
            with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
                raw = np.concatenate(list(threads.map(self._run, slices)))
        values = raw.astype(np.float64)
        # With two classes the trees give the second one's probability alone.
        return np.column_stack([1 - values, values]) if self._classes and values.ndim == 1 else values

    def _run(self, matrix: "NDArray[np.float32]") -> "NDArray[Any]":
        raw: NDArray[Any] = self._booster.inplace_predict(matrix, validate_features=False)
        return raw

    def check(self, path: str) -> None:
        """Refuses a booster that does not fit what the artifact says of it."""
        import numpy as np

        found = self._booster.num_features()
        if found != self._columns:
            raise ArtifactCorrupt(path, f"takes {found} columns, but its transform makes {self._columns}")
        shape = self.predict(np.zeros((1, self._columns), dtype=np.float32)).shape
        if shape != ((1, self._classes) if self._classes else (1,)):
            raise ArtifactCorrupt(
                path, f"gives results of shape {shape[1:]}, not for {self._classes} classes"
            )


def xgboost_reason(error: Exception) -> str:
    """Returns what XGBoost says went wrong, without its time, source file and stack trace."""
    first = str(error).strip().partition("\n")[0]
    return _PLACE.sub("", first)


def _load_xgboost(path: str, data: bytes, columns: int, classes: int) -> Model:
    try:
        import xgboost
    except ModuleNotFoundError as error:
        raise MissingExtra("Predicting", extra="serve") from error
    if not data.startswith(b"{"):  # XGBoost ends the process over an empty file
        raise ArtifactCorrupt(path, "is no model of XGBoost")
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(data))
        booster.set_param({"nthread": 1})
        model = _Booster(booster, columns, classes)
        model.check(path)
    except xgboost.core.XGBoostError as error:
        raise ArtifactCorrupt(path, f"is no model of XGBoost ({xgboost_reason(error)})") from None
    return model


_LOADERS: Mapping[str, Callable[[str, bytes, int, int], Model]] = {".ubj": _load_xgboost}
