"""How many datums go into one set: values in, values out.

A set costs a trip to another process and a row in the catalog, so tiny datums
travel together; a set that is lost is computed again, and the last one running
is waited for, so none is longer than it has to be. Where the spec does not
say, sets start small, grow while they take less than a fifth of a second, and
shrink towards the end, so that all processes end together. They hold whole
calls of the code: half a call costs as much as a whole one.
"""

from dataclasses import dataclass

from headwater.pipelines.spec import DatumSet

TARGET_S = 0.2
MOST = 1_000
MOST_INLINE_BYTES = 8 << 20
_GROWTH = 4
_SMALLEST = 8  # the last sets are this many times shorter than others, but no shorter


@dataclass(frozen=True)
class Limits:
    """What a set may hold at most: datums, bytes of input, and bytes that ride in its payload."""

    datums: int
    size: int | None = None
    inline: int = MOST_INLINE_BYTES


class Pace:
    """The size of a job's next sets, from how long the last ones took."""

    def __init__(
        self, spec: DatumSet | None, batch: int = 1, total: int | None = None, at_once: int = 1
    ) -> None:
        """Takes what the spec wishes, how many datums one call of the code takes, and how many datums are expected."""
        self._fixed = self._size = 0
        self._at_once = max(1, at_once)
        if spec is not None:
            self._size = spec.size
            self._fixed = spec.number
            if spec.per_worker and total:
                self._fixed = max(1, -(-total // (spec.per_worker * at_once)))
        self._now = max(1, batch)
        self._least = self._now

    @property
    def reach(self) -> int:
        """How many datums ahead the end of the job makes a difference to the next set; none where the spec says."""
        return 0 if self._fixed or self._size else self._now * self._at_once

    def next(self, left: int | None = None) -> Limits:
        """Returns the limits of the next set; `left` is how many datums there are, where that is known."""
        if self._fixed or self._size:
            return Limits(self._fixed or MOST, self._size or None)
        if left is None:
            return Limits(self._now)
        return Limits(min(self._now, self._whole(max(left // self._at_once, self._now // _SMALLEST))))

    def ended(self, datums: int, took_s: float) -> None:
        """Hears that a set of so many datums took so long."""
        if datums < self._now and took_s < TARGET_S:
            return  # it was the rest, and says little
        fitting = int(datums * TARGET_S / max(took_s, 1e-6))
        self._now = self._whole(min(fitting, self._now * _GROWTH, MOST))

    def _whole(self, datums: int) -> int:
        return max(1, datums // self._least) * self._least
