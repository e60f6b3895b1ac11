"""The fields of a model's rows together: found in data, checked against rows and tables, brought into columns.

`check_row` finds everything that is wrong with a row at once, since whoever
sends it wants to mend it once. Here is the door; the work is done in `infer`,
`check`, `check_table` and `columns`.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from headwater.features.check import check_row, unusual
from headwater.features.check_table import check_columns
from headwater.features.columns import prepare, rows_to_columns
from headwater.features.errors import InvalidField
from headwater.features.fields import Columns, DeclaredField, Field, FieldProblem, RowProblem
from headwater.features.infer import infer_fields

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Schema(msgspec.Struct, frozen=True, dict=True):
    """The fields of a model's rows, in the order in which problems are told."""

    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        """Refuses two fields of one name."""
        names = [field.name for field in self.fields]
        twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ()
        if twice:
            raise InvalidField(
                [(name, f"The field {name!r} stands twice in the schema.") for name in sorted(twice)]
            )

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """The fields under their names."""
        return {field.name: field for field in self.fields}

    @property
    def names(self) -> tuple[str, ...]:
        """The fields' names, in order."""
        return tuple(self.by_name)

    @staticmethod
    def infer(table: Any, declared: Mapping[str, DeclaredField] | None = None) -> "Schema":
        """Returns a schema of a table's columns, with what is declared winning over what is seen.

        A column with missing values is not required, unless declared so; nor
        is one with a default.

        Args:
            table: Any frame that `to_columns` reads.
            declared: What is known of some fields beforehand.

        Raises:
            InvalidField: The declarations contradict themselves or the data; tells all.
        """
        return Schema(infer_fields(table, declared or {}))

    def check_row(self, row: Mapping[str, Any], needed: Collection[str] | None = None) -> list[FieldProblem]:
        """Returns everything that is wrong with a row, in schema order, unknown fields last.

        Args:
            row: Values as JSON has them; None means not given.
            needed: Fields that may not be missing (all by default); others are
                checked only when they are given.
        """
        return check_row(self.by_name, row, needed)

    def check_columns(
        self,
        columns: Columns,
        needed: Collection[str] | None = None,
        *,
        unknown: Literal["refuse", "ignore"] = "ignore",
        limit: int = 1000,
    ) -> list[RowProblem]:
        """Returns what is wrong with a table, by row and then in schema order; at most about `limit` problems.

        Here NaN and None are missing values, as tables have no other way to
        leave a value out.

        Args:
            columns: The table.
            needed: Fields that may not be missing (all by default).
            unknown: Whether other columns are problems.
            limit: How many problems per field are told at most.
        """
        return check_columns(self.by_name, columns, needed, unknown=unknown, limit=limit)

    def unusual(self, row: Mapping[str, Any]) -> list[str]:
        """Returns a sentence for each number that lies outside what the training rows held; nothing is refused."""
        return unusual(self.fields, row)

    def columns(
        self, rows: Sequence[Mapping[str, Any]], names: Sequence[str] | None = None
    ) -> "dict[str, NDArray[Any]]":
        """Returns checked rows as columns, defaults filled in.

        Args:
            rows: Rows that `check_row` has nothing against.
            names: The fields that are wanted; all by default.

        Raises:
            RowsRefused: A value cannot stand in its column.
        """
        return rows_to_columns(self._chosen(names), rows)

    def prepare(self, columns: Columns, names: Sequence[str] | None = None) -> "dict[str, NDArray[Any]]":
        """Returns a table's columns in the schema's types, defaults filled in, columns that lack as missing values.

        Training and prediction both bring tables through here, so that a
        missing value means the same in both.

        Args:
            columns: The table; other columns are left out.
            names: The fields that are wanted; all by default.

        Raises:
            RowsRefused: Values do not have their field's type.
        """
        return prepare(self._chosen(names), columns)

    def _chosen(self, names: Sequence[str] | None) -> Sequence[Field]:
        return self.fields if names is None else [self.by_name[name] for name in names]

    def to_json(self) -> bytes:
        """Returns the schema as JSON; equal schemas give equal bytes."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)

    @staticmethod
    def from_json(data: bytes) -> "Schema":
        """Returns the schema that `to_json` wrote.

        Raises:
            msgspec.ValidationError: It is no schema.
        """
        return msgspec.json.decode(data, type=Schema)
