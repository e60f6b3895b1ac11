"""Times as the XML of S3 has them."""

from datetime import UTC, datetime


def iso(ms: int) -> str:
    """Returns a time in UTC with milliseconds."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"
