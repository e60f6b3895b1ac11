"""What a row may hold, and how rows become the matrix that a model sees.

    schema = Schema.infer(columns, declared)          # types, ranges, defaults
    problems = schema.check_row({"SepalLength": "long"})
    transform = Transform.fit(schema, schema.prepare(columns))
    matrix = transform.matrix(schema.columns(rows))   # one row or a million, the same path

Columns are a `dict` from field name to numpy array: float64 with NaN for
numbers, objects with None for categories and booleans. Importing this loads
no numpy; pandas, polars and pyarrow are met in `frames` only.

Knows nothing of models, targets, files or HTTP.
"""

from headwater.features.decoding import row_of, struct_type
from headwater.features.errors import CannotFit, FrameRefused, InvalidField, RowsRefused
from headwater.features.fields import Columns, DeclaredField, Field, FieldProblem, FieldType, RowProblem
from headwater.features.frames import like, to_columns
from headwater.features.schema import Schema
from headwater.features.steps import Missing, Scaling
from headwater.features.transform import Transform

__all__ = [
    "CannotFit",
    "Columns",
    "DeclaredField",
    "Field",
    "FieldProblem",
    "FieldType",
    "FrameRefused",
    "InvalidField",
    "Missing",
    "RowProblem",
    "RowsRefused",
    "Scaling",
    "Schema",
    "Transform",
    "like",
    "row_of",
    "struct_type",
    "to_columns",
]
