"""Turns columns into the matrix that a model sees, with numbers fitted on training rows only.

Missing values are filled, outliers clipped, numbers scaled, categories spread
over one column each. A single row and a table take the same few array
operations, each of which works element by element, so their results agree bit
for bit. The fitted numbers are a plain struct: JSON writes and reads it
without a change.

A category that was never seen is an error here too; the check of the row
names it before. Dropping rows is the business of whoever reads the data.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from headwater.features.fields import Columns
from headwater.features.schema import Schema
from headwater.features.steps import CategoryColumns, FittedColumn, Missing, Scaling, Unseen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from headwater.features.matrix import Plan


class Transform(msgspec.Struct, frozen=True, dict=True):
    """How the fields of a row become the columns of a matrix, in this order."""

    columns: tuple[FittedColumn, ...]

    @staticmethod
    def fit(
        schema: Schema,
        columns: Columns,
        *,
        fields: Sequence[str] | None = None,
        missing: Missing = "median",
        constant: float = 0.0,
        clip: tuple[float, float] | None = None,
        scaling: Scaling | None = None,
        unseen: Unseen = "refuse",
    ) -> "Transform":
        """Returns a transform fitted on training rows.

        Args:
            schema: The fields; its categories, in its order, become columns.
            columns: The training rows and no others, as `Schema.prepare` gives them.
            fields: The fields to use, in the matrix's order; all by default.
            missing: What a missing number becomes (`keep`: stays NaN, for
                models that know it); a missing category or boolean becomes the
                most frequent one, except with `keep`.
            constant: The number for `constant`.
            clip: The quantiles of the training rows that numbers are held between.
            scaling: `standard` to mean 0 and variance 1, `minmax` to [0, 1].
            unseen: What a category outside the schema's becomes: an error, or 0 in every column.

        Raises:
            CannotFit: A column has no value in any training row.
        """
        from headwater.features.fit import fit_columns

        fitted = fit_columns(
            schema,
            columns,
            fields=fields,
            missing=missing,
            constant=constant,
            clip=clip,
            scaling=scaling,
            unseen=unseen,
        )
        return Transform(fitted)

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The fields that are read."""
        return tuple(column.field for column in self.columns)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The matrix's columns: the field's name, or `field=category`."""
        found: list[str] = []
        for column in self.columns:
            if isinstance(column, CategoryColumns):
                found += [f"{column.field}={category}" for category in column.categories]
            else:
                found.append(column.field)
        return tuple(found)

    def matrix(self, columns: Columns) -> "NDArray[np.float32]":
        """Returns the matrix of a table, shape (rows, len(names)), C-contiguous.

        Numbers are worked out in double precision and rounded once, to single
        precision, which is what tree models compare with; those beyond it are
        held at its limits.

        Args:
            columns: At least `fields`, as `Schema.prepare` or `Schema.columns` give them.

        Raises:
            RowsRefused: A category is unknown and `unseen` is `refuse`; names all.
        """
        return self._plan.matrix(columns)

    @cached_property
    def _plan(self) -> "Plan":
        from headwater.features.matrix import Plan

        return Plan(self.columns)

    def to_json(self) -> bytes:
        """Returns the transform as JSON; equal transforms give equal bytes."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)

    @staticmethod
    def from_json(data: bytes) -> "Transform":
        """Returns the transform that `to_json` wrote.

        Raises:
            msgspec.ValidationError: It is no transform.
        """
        return msgspec.json.decode(data, type=Transform)
