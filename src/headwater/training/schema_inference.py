"""Finds the schema that a request's models share.

Types, required fields and observed ranges come from the training rows alone.
The categories of a text come from all rows: a class of the test rows is then
a known word that the model has not met, as it would be in use, and not an
error.
"""

from typing import TYPE_CHECKING

import msgspec

from headwater.features import Schema
from headwater.training.dataset import Dataset
from headwater.training.request import Declared
from headwater.training.split import split_rows

if TYPE_CHECKING:
    from collections.abc import Iterable


def infer_schema(dataset: Dataset, fields: "Iterable[str]") -> Schema:
    """Returns the schema of these columns, in the file's order.

    Raises:
        InvalidField: What the request declares contradicts itself or the data.
    """
    wanted = set(fields)
    names = [name for name in dataset.table.column_names if name in wanted]
    said = {name: field for name, field in dataset.request.features.fields.items() if name in wanted}
    whole = {name: dataset.values(name) for name in names}
    every = Schema.infer(whole, said)
    known = {
        field.name: msgspec.structs.replace(said.get(field.name, Declared()), categories=field.categories)
        for field in every.fields
        if field.type == "category"
    }
    train = split_rows(len(dataset.rows), dataset.request.split).train
    return Schema.infer({name: values[train] for name, values in whole.items()}, said | known)
