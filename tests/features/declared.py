"""What a test declares of a field, in the shape that a request gives it."""

import msgspec

from headwater.features import FieldType


class Declared(msgspec.Struct, frozen=True):
    """See `headwater.features.DeclaredField`."""

    type: FieldType | None = None
    required: bool | None = None
    default: bool | float | str | None = None
    min: float | None = None
    max: float | None = None
    categories: tuple[str, ...] | None = None
