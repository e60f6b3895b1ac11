"""The pipelines that are measured: tiny work on a file, and inference over many rows at once."""

import io
import pickle
from typing import Any

import headwater as hw


@hw.pipeline(input=hw.files("texts", glob="/**/*.txt"))
def counted(texts: hw.Input, out: hw.Output) -> None:
    """Counts the words of a file."""
    file = texts.file
    out.write(file.path.strip("/").replace("/", "-"), f"{len(file.read_text().split())}\n")


@hw.pipeline(
    input=hw.cross(rows=hw.files("rows", glob="/*"), forest=hw.files("forest", glob="/")),
    batch=4,
    packages=["scikit-learn"],
)
def predicted(datums: list[hw.Datum]) -> None:
    """Predicts all rows of several files with one call of the model."""
    import numpy as np

    model = datums[0].forest.once(_forest)
    tables = [np.load(io.BytesIO(datum.rows.file.read_bytes())) for datum in datums]
    ends = np.cumsum([len(table) for table in tables])[:-1]
    told = np.split(model.predict(np.concatenate(tables)), ends)
    for datum, part in zip(datums, told, strict=True):
        into = io.BytesIO()
        np.save(into, part)
        datum.out.write(datum.rows.file.name, into.getvalue())


def _forest(folder: hw.Input) -> Any:
    return pickle.loads(folder.file.read_bytes())  # noqa: S301 - see above
