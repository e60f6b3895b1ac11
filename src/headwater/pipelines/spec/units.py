"""How people write durations, sizes, shares of a core, times and schedules, and what they mean."""

import re
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

_DURATION = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ns|us|µs|ms|s|m|h|d)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kKMGTPE])(i?))?[bB]?")
_POWERS = "KMGTPE"
_MOST_BYTES = 1 << 62
_NAMED = frozenset(
    {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@never"}
)
EVERY = "@every "


def seconds(value: float | str) -> float:
    """Returns a duration in seconds: a number of them, or as in `30s`, `500ms`, `1h30m`, `2d`.

    Raises:
        ValueError: It is none; the text says what is expected.
    """
    if not isinstance(value, str):
        return float(value)
    text = value.strip()
    parts = list(_DURATION.finditer(text))
    if parts and "".join(part[0] for part in parts) == text:
        return sum(float(part[1]) * _SECONDS[part[2]] for part in parts)
    try:
        return float(text)
    except ValueError:
        raise ValueError("a duration such as 30s, 1h30m or a number of seconds is expected") from None


def size_bytes(value: float | str) -> int:
    """Returns a size in bytes: a number of them, or as in `500M` (thousands) and `2Gi` (1,024s).

    Raises:
        ValueError: It is none; the text says what is expected.
    """
    if not isinstance(value, str):
        return _possible(int(value))
    found = _SIZE.fullmatch(value.strip())
    if found is None:
        raise ValueError("a size such as 512M, 2Gi or a number of bytes is expected")
    power = _POWERS.index(found[2].upper()) + 1 if found[2] else 0
    return _possible(int(float(found[1]) * float((1_024 if found[3] else 1_000) ** power)))


def _possible(size: int) -> int:
    if size > _MOST_BYTES:
        raise ValueError("no machine has so many bytes")
    return size


def core_count(value: float | str) -> float:
    """Returns a number of cores: `0.5`, or `500m` for thousandths.

    Raises:
        ValueError: It is none; the text says what is expected.
    """
    if not isinstance(value, str):
        return float(value)
    text = value.strip()
    try:
        return float(text[:-1]) / 1_000 if text.endswith("m") else float(text)
    except ValueError:
        raise ValueError("a number of cores such as 2, 0.5 or 500m is expected") from None


def schedule(value: str) -> str:
    """Returns a schedule without spaces around it, after making sure that it is one.

    Five fields of cron, `@hourly` and its like, `@every 10s`, or `@never` for
    one that only ticks by hand.

    Raises:
        ValueError: It is none; the text says why.
    """
    text = value.strip()
    if text == "never" or text in _NAMED:
        return "@never" if text == "never" else text
    if text.startswith(EVERY):
        if seconds(text.removeprefix(EVERY)) <= 0:
            raise ValueError("the time between two ticks has to be longer than none")
        return text
    if text.startswith("@"):
        raise ValueError(f"{text.split()[0]} is none of {', '.join(sorted(_NAMED))} and @every DURATION")
    try:
        CronSim(text, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(
            f"it is no schedule of cron ({str(error).lower()}): five fields are expected, as in `0 3 * * *`"
        ) from None
    return text


def moment(value: str) -> str:
    """Returns a time in UTC as RFC 3339 writes it.

    Raises:
        ValueError: It is none; the text says what is expected.
    """
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        raise ValueError("a time such as 2026-03-01T00:00:00Z is expected") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return found.astimezone(UTC).isoformat().replace("+00:00", "Z")
