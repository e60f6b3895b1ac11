"""One field of a row, and what can be wrong with it.

A declared range is the owner's word and refuses a row; an observed one is
only what the training rows happened to hold, so beyond it a row is unusual,
not wrong.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import msgspec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns: TypeAlias = Mapping[str, NDArray[Any]]
else:
    Columns = Mapping[str, Any]

FieldType = Literal["number", "integer", "category", "boolean"]
FieldCode = Literal["FIELD_MISSING", "FIELD_TYPE", "FIELD_RANGE", "FIELD_UNKNOWN", "FIELD_CATEGORY"]

NUMBERS: tuple[FieldType, ...] = ("number", "integer")


class Field(msgspec.Struct, frozen=True, dict=True):
    """One field of a row.

    `required` means that a row must give it: never together with a default.
    A field that is neither given nor defaulted is a missing value, which the
    transform fills. `min` and `max` are declared and refuse; `observed_min`
    and `observed_max` are those of the training rows and only warn.
    """

    name: str
    type: FieldType
    required: bool = True
    default: bool | float | str | None = None
    min: float | None = None
    max: float | None = None
    observed_min: float | None = None
    observed_max: float | None = None
    categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Makes limits and numeric defaults floats, as JSON gives them back."""
        for name in ("default", "min", "max", "observed_min", "observed_max"):
            value = getattr(self, name)
            if type(value) is int:
                msgspec.structs.force_setattr(self, name, float(value))

    @cached_property
    def known(self) -> frozenset[str]:
        """The categories, to look one up."""
        return frozenset(self.categories)


class FieldProblem(msgspec.Struct, frozen=True):
    """What is wrong with one field of one row: a stable code and a sentence."""

    field: str
    code: FieldCode
    message: str


class RowProblem(msgspec.Struct, frozen=True):
    """A field's problem in a table; `row` counts from 0 and is none when the whole column is meant."""

    row: int | None
    field: str
    code: FieldCode
    message: str


class DeclaredField(Protocol):
    """What the owner of the data says about one field; none where the data decides."""

    @property
    def type(self) -> FieldType | None:
        """Its type."""
        ...

    @property
    def required(self) -> bool | None:
        """Whether a row must give it."""
        ...

    @property
    def default(self) -> bool | float | str | None:
        """What it is when a row does not give it."""
        ...

    @property
    def min(self) -> float | None:
        """The least value that is accepted."""
        ...

    @property
    def max(self) -> float | None:
        """The greatest value that is accepted."""
        ...

    @property
    def categories(self) -> tuple[str, ...] | None:
        """The texts that are accepted."""
        ...
