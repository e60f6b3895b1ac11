"""One version of a model, as `ws.model("iris@prod")` gives it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headwater.api.documents import VersionInfo
from headwater.errors import InvalidInput, NotFound
from headwater.models import Layout
from headwater.workspace.errors import SourceNotFound, TargetExists
from headwater.workspace.parts import Parts

STDIN = "-"
_ROWS = "Give a CSV file with a header, a Parquet file, or JSON: one object or a list of them."


class Model:
    """A version of a model: looks at it, predicts with it."""

    def __init__(self, parts: Parts, ref: str) -> None:
        """Takes the ref as it was written; what it means is looked up with each call."""
        self._parts, self.ref = parts, ref

    def info(self) -> VersionInfo:
        """Returns how it was made and how well it does."""
        return self._parts.registry.version(self.ref)

    def predict(self, rows: Any, *, targets: Sequence[str] | None = None) -> Any:
        """Predicts a table, and returns one of the same kind.

        Args:
            rows: A list of dictionaries (which gives a list of predictions as
                over REST), a data frame, an arrow table or a dictionary of arrays.
            targets: Only these; all when absent.

        Raises:
            RowsRefused: Rows do not fit the model's schema; `details` has every mistake.
        """
        predictor = self._parts.registry.predictor(self.ref)
        if isinstance(rows, list):
            predictor.check_rows(rows, targets)
            return predictor.predict_rows(rows, targets)
        from headwater.features import like, to_columns

        given = to_columns(rows, predictor.needed(targets))
        predictor.check_columns(given, targets)
        tables = predictor.predict_columns(given, targets)
        columns = {
            name: values for target, table in tables.items() for name, values in table.columns(target).items()
        }
        return like(rows, columns)

    def predict_file(self, source: str, *, targets: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Predicts the rows of a CSV, Parquet or JSON file; `-` reads JSON from stdin.

        Raises:
            InvalidInput: The file holds no rows.
            RowsRefused: Rows do not fit the model's schema; `details` has every mistake.
            SourceNotFound: There is no such file.
        """
        predictor = self._parts.registry.predictor(self.ref)
        rows = _read_rows(source)
        known = set(predictor.needed(targets))
        if not source.endswith(".json") and source != STDIN:
            rows = [{name: value for name, value in row.items() if name in known} for row in rows]
        predictor.check_rows(rows, targets)
        return predictor.predict_rows(rows, targets)

    def write_report(self, to: Path) -> Path:
        """Writes the report, one HTML page that needs nothing else, and returns where it is.

        Raises:
            TargetExists: There is something at that place.
        """
        data = self._parts.registry.read(self.ref, Layout.REPORT)
        try:
            with to.open("xb") as file:
                file.write(data)
        except FileExistsError:
            raise TargetExists(str(to)) from None
        except FileNotFoundError:
            raise NotFound(
                f"There is no folder {to.parent}.", hint="Make it, or name another place."
            ) from None
        return to


def _read_rows(source: str) -> list[dict[str, Any]]:
    import sys

    if source == STDIN:
        return _json_rows(sys.stdin.buffer.read(), "stdin")
    path = Path(source)
    if not path.is_file():
        raise SourceNotFound(source)
    if path.suffix == ".json":
        return _json_rows(path.read_bytes(), source)
    from headwater.training.tables import read_table

    rows: list[dict[str, Any]] = read_table(path, path.name).to_pylist()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def _json_rows(data: bytes, source: str) -> list[dict[str, Any]]:
    try:
        value = json.loads(data)
    except ValueError as error:
        raise InvalidInput(f"{source} is no JSON: {error}.", hint=_ROWS) from None
    rows = value if isinstance(value, list) else [value]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise InvalidInput(f"{source} holds no rows.", hint=_ROWS)
    return rows
