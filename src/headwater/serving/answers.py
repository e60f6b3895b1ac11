"""The one shape of every answer, and which status belongs to which code.

`{success, message, code, errors, prediction, model, version, id}`, whether a
prediction, a refusal or a health check. A `Refusal` is raised wherever a
request cannot go on; the core turns it into an answer.
"""

from collections.abc import Sequence

import msgspec

from headwater.serving.messages import Response

STATUS = {
    "OK": 200,
    "MALFORMED": 400,
    "TOKEN_MISSING": 401,
    "TOKEN_INVALID": 401,
    "TOKEN_EXPIRED": 401,
    "FORBIDDEN": 403,
    "NO_SUCH_ENDPOINT": 404,
    "METHOD_NOT_ALLOWED": 405,
    "TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "FIELD_MISSING": 422,
    "FIELD_TYPE": 422,
    "FIELD_RANGE": 422,
    "FIELD_UNKNOWN": 422,
    "FIELD_CATEGORY": 422,
    "LOCATION_INVALID": 422,
    "RATE_LIMITED": 429,
    "INTERNAL": 500,
    "OVERLOADED": 503,
    "NOT_READY": 503,
}

_encoder = msgspec.json.Encoder()


class Problem(msgspec.Struct, frozen=True):
    """One bad field; `row` counts from 0 and is none where no row is meant."""

    row: int | None
    field: str
    code: str
    message: str


class Answer(msgspec.Struct, frozen=True):
    """What every request gets back; `prediction` is JSON already."""

    success: bool
    message: str
    code: str
    errors: Sequence[Problem] = ()
    prediction: msgspec.Raw | None = None
    model: str | None = None
    version: int | None = None
    id: str | None = None

    def response(self, *headers: tuple[str, str]) -> Response:
        """Returns the HTTP response with the status that belongs to the code."""
        return Response(STATUS[self.code], _encoder.encode(self), headers)


class Refusal(Exception):
    """Ends a request with a code of the table, a sentence, and the bad fields if there are any."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        errors: Sequence[Problem] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Keeps what the answer will say."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.errors = errors
        self.headers = headers

    @classmethod
    def of(cls, problems: Sequence[Problem], *, limit: int, is_list: bool) -> "Refusal":
        """Returns the refusal for bad fields: the first gives the code, all are listed up to `limit`."""
        first, listed = problems[0], problems[:limit]
        place = f"Row {first.row}: " if is_list and first.row is not None else ""
        more = len(problems) - 1
        rest = f" ({more} more {'problem' if more == 1 else 'problems'} in `errors`)" if more else ""
        cut = f" Only the first {limit} are listed." if len(problems) > limit else ""
        return cls(first.code, f"{place}{first.message}{rest}{cut}", errors=listed)


def encode(value: object) -> bytes:
    """Returns `value` as JSON."""
    return _encoder.encode(value)
