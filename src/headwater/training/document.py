"""Turns YAML or JSON text into the mapping of a request, by the same reader as every spec of a pipeline."""

from typing import Any

from headwater.pipelines import InvalidSpec
from headwater.pipelines.spec.document import read_documents
from headwater.training.errors import InvalidRequest


def read_document(text: str | bytes) -> dict[str, Any]:
    """Returns the mapping that a YAML or JSON text holds.

    Raises:
        InvalidRequest: The text is neither, is too long, or is not a mapping.
    """
    try:
        found = [one.value for one in read_documents(text, in_lists=False)]
    except InvalidSpec as error:
        raise _mistake(error.details[0]["message"]) from None
    if len(found) != 1 or not isinstance(found[0], dict):
        raise _mistake("the text cannot be read: it is not a mapping of fields to values")
    return found[0]


def _mistake(message: str) -> InvalidRequest:
    return InvalidRequest(
        [{"field": "request", "message": message}],
        hint="Write it as YAML or JSON with at least model, data and targets.",
    )
