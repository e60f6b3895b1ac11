"""When a clock ticks: five fields of cron, `@daily` and its like, `@every 10s`, or never by itself.

All times are UTC. An interval is counted from a given start, so that a
program that was off for a while ticks again at the same moments.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from cronsim import CronSim

from headwater.pipelines.errors import InvalidSchedule
from headwater.pipelines.spec import units

_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_NEVER = "@never"
_LEAST_MS = 1_000


class Schedule(NamedTuple):
    """The moments of a clock; `every_ms` is 0 for fields of cron, which are empty for a clock that never ticks."""

    fields: str
    every_ms: int
    start_ms: int

    def next_after(self, ms: int) -> int | None:
        """Returns the first moment after this one, in milliseconds since 1970; none where there is none."""
        first = max(ms, self.start_ms - 1)
        if self.every_ms:
            return self.start_ms + ((first - self.start_ms) // self.every_ms + 1) * self.every_ms
        if not self.fields:
            return None
        found = next(CronSim(self.fields, datetime.fromtimestamp(first / 1000, UTC)), None)
        return None if found is None else round(found.timestamp() * 1000)

    def last_until(self, ms: int, *, since: int) -> int:
        """Returns the last moment not after `ms`; `since` is one of the moments, and none is looked for before it."""
        if self.every_ms:
            return max(since, self.start_ms + (ms - self.start_ms) // self.every_ms * self.every_ms)
        if not self.fields:
            return since
        last = CronSim(self.fields, datetime.fromtimestamp(ms / 1000 + 1, UTC), reverse=True)
        found = next(last, None)
        return since if found is None else max(since, round(found.timestamp() * 1000))


def schedule_of(text: str, *, start_ms: int = 0) -> Schedule:
    """Returns the moments that a text describes.

    Raises:
        InvalidSchedule: It describes none.
    """
    try:
        checked = units.schedule(text)
    except ValueError as error:
        raise InvalidSchedule(text, why=str(error)) from None
    if checked == _NEVER:
        return Schedule("", 0, start_ms)
    if checked.startswith(units.EVERY):
        every_ms = max(_LEAST_MS, round(units.seconds(checked.removeprefix(units.EVERY)) * 1000))
        return Schedule("", every_ms, start_ms)
    return Schedule(_NAMED.get(checked, checked), 0, start_ms)


def moment_ms(text: str) -> int:
    """Returns a time of RFC 3339 as milliseconds since 1970."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def moment_name(ms: int) -> str:
    """Returns the name of a moment, as a file of a tick has it: to the second, unless there is more to say."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    fraction = f".{ms % 1000:03d}" if ms % 1000 else ""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"
