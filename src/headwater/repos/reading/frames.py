"""Data frames as files: a table becomes CSV or Parquet by the ending of its path, and a file a table again.

pandas, polars and pyarrow are met here only, and imported when a table of
theirs is given or asked for: a workspace without them works.
"""

import io
from importlib import import_module
from importlib.util import find_spec
from typing import Any, BinaryIO, Literal, Protocol, TypeGuard

from headwater.errors import InvalidInput, MissingExtra

Library = Literal["pandas", "polars", "arrow"]
_MODULES: dict[Library, str] = {"pandas": "pandas", "polars": "polars", "arrow": "pyarrow"}
_EXTRAS = "ml"


class Frame(Protocol):
    """A pandas or polars data frame, or an arrow table."""

    @property
    def columns(self) -> Any:
        """Its columns, or their names."""
        ...


def is_frame(data: object) -> TypeGuard[Frame]:
    """Tells whether something is a table of a library that is known here; imports none."""
    return _library_of(data) is not None


def encode(frame: Frame, path: str) -> bytes:
    """Returns a table as the bytes of a file.

    A pandas index is written where it has a name, and left out of a CSV file where it has none.

    Raises:
        InvalidInput: The path does not end with .csv or .parquet.
        MissingExtra: Parquet needs pyarrow, which is not installed.
    """
    library, ending = _library_of(frame), _ending(path)
    assert library is not None, "is_frame said so"
    table: Any = frame
    target = io.BytesIO()
    if library == "pandas":
        keeps_index = table.index.name is not None or table.index.nlevels > 1
        if ending == "csv":
            return str(table.to_csv(index=keeps_index, lineterminator="\n")).encode()
        _load("arrow", path)
        table.to_parquet(target, engine="pyarrow", index=keeps_index or None)
    elif library == "polars":
        (table.write_csv if ending == "csv" else table.write_parquet)(target)
    elif ending == "csv":
        import_module("pyarrow.csv").write_csv(table, target)
    else:
        import_module("pyarrow.parquet").write_table(table, target)
    return target.getvalue()


def decode(source: BinaryIO, path: str, library: Library | None = None) -> Any:
    """Returns a file as a table.

    Args:
        source: The file.
        path: Its path; the ending says what it is.
        library: Whose table it shall be; where absent pandas', else polars', else arrow's, as they are installed.

    Raises:
        InvalidInput: The path does not end with .csv or .parquet, or the file is not what its ending says.
        MissingExtra: No such library is installed.
    """
    ending = _ending(path)
    wanted = library or next((name for name, module in _MODULES.items() if find_spec(module)), "pandas")
    if wanted not in _MODULES:
        raise InvalidInput(f"{wanted!r} gives no tables.", hint="Name pandas, polars or arrow.")
    module = _load(wanted, path)
    if wanted == "arrow":
        reader = import_module("pyarrow.csv" if ending == "csv" else "pyarrow.parquet")
        read = reader.read_csv if ending == "csv" else reader.read_table
    else:
        if wanted == "pandas" and ending == "parquet":
            _load("arrow", path)
        read = module.read_csv if ending == "csv" else module.read_parquet
    try:
        return read(source)
    except (ValueError, OSError, _polars_error(wanted, module)) as error:
        raise InvalidInput(
            f"{path!r} is no {ending} file that {wanted} can read: {error}",
            hint="`headwater cat` shows what it holds.",
        ) from None


def _library_of(data: object) -> Library | None:
    module = type(data).__module__.partition(".")[0]
    if not hasattr(data, "columns"):
        return None
    return next((name for name, known in _MODULES.items() if known == module), None)


def _ending(path: str) -> Literal["csv", "parquet"]:
    ending = path.rpartition(".")[2].lower()
    if ending == "csv":
        return "csv"
    if ending == "parquet":
        return "parquet"
    raise InvalidInput(
        f"What kind of table {path!r} is cannot be told.", hint="Use a path that ends with .csv or .parquet."
    )


def _load(library: Library, path: str) -> Any:
    try:
        return import_module(_MODULES[library])
    except ImportError:
        raise MissingExtra(f"A table of {library} for {path!r}", extra=_EXTRAS) from None


def _polars_error(library: Library, module: Any) -> type[Exception]:
    found: type[Exception] = module.exceptions.PolarsError if library == "polars" else ValueError
    return found
