"""Where time comes from: everything that reads a clock is handed one.

Wall time is for what people read and for expiry; monotonic time is for how
long something took. Leases do not use this clock but the catalog's own.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells wall time and measures durations."""

    def now_ms(self) -> int:
        """Returns milliseconds since 1970-01-01 UTC."""
        ...

    def monotonic_s(self) -> float:
        """Returns seconds since an arbitrary moment, never going back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Waits."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now_ms(self) -> int:
        """Returns milliseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Returns seconds of the machine's monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Waits for real."""
        time.sleep(seconds)


def rfc3339(ms: int) -> str:
    """Writes milliseconds since 1970 as RFC 3339 in UTC, such as `2026-11-21T09:05:32.120Z`."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"
