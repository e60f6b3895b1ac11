"""The bare model: two processes, four files of rows a call."""

import pickle
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from work import folders, timed

_held: dict[str, Any] = {}


def load(path: str) -> None:
    """Keeps the model for this process."""
    _held["model"] = pickle.loads(Path(path).read_bytes())  # noqa: S301 - see above


def predict(pairs: list[tuple[str, str]]) -> None:
    """Predicts the rows of some files with one call."""
    tables = [np.load(source) for source, _ in pairs]
    ends = np.cumsum([len(table) for table in tables])[:-1]
    for (_, target), part in zip(
        pairs, np.split(_held["model"].predict(np.concatenate(tables)), ends), strict=True
    ):
        np.save(target, part)


if __name__ == "__main__":
    pairs, processes = folders()
    cuts = [pairs[at : at + 4] for at in range(0, len(pairs), 4)]
    with ProcessPoolExecutor(processes, initializer=load, initargs=(sys.argv[4],)) as pool:
        list(pool.map(predict, [cuts[0]] * processes * 4))  # enough that each process has its share
        timed(lambda: list(pool.map(predict, cuts)))
