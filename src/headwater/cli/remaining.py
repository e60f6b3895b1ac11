"""How long the rest of some work takes, from how fast it went lately.

What is done comes in bursts: a set of datums, a large file. So the rate is
taken over the last while, and over no fewer than a few bursts; between two of
them time counts down, and where nothing comes though it should, the rest takes
longer.
"""

from collections import deque
from collections.abc import Callable
from time import monotonic

_WINDOW_S = 20.0
_FEWEST = 8  # bursts that the rate is taken over, however long they took
_APART_S = 0.2  # what comes closer together is one burst
_SURE_S = 1.0  # what is known for less says nothing about the rest


class Remaining:
    """Hears how much is done, and says how long the rest takes."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Takes a clock that tells seconds."""
        self._clock = clock
        self._bursts: deque[tuple[float, float]] = deque()

    def hear(self, done: float) -> None:
        """Hears how much is done by now; counting begins when that was last heard before there was more."""
        now_s, bursts = self._clock(), self._bursts
        if bursts and done <= bursts[-1][1]:
            if len(bursts) == 1:
                bursts[0] = (now_s, bursts[0][1])
            return
        if len(bursts) > 1 and now_s - bursts[-2][0] < _APART_S:
            bursts.pop()
        bursts.append((now_s, done))
        while len(bursts) > _FEWEST and bursts[0][0] < now_s - _WINDOW_S:
            bursts.popleft()

    def left_s(self, whole: float) -> float | None:
        """Returns how many seconds the rest of so much takes; none where too little is known."""
        if len(self._bursts) < 2:
            return None
        (first_s, first), (last_s, last) = self._bursts[0], self._bursts[-1]
        took_s, silent_s = last_s - first_s, self._clock() - last_s
        if took_s < _SURE_S:
            return None
        between_s = took_s / (len(self._bursts) - 1)
        late_s = max(0.0, silent_s - between_s)
        rate = (last - first) / (took_s + late_s)
        return max(0.0, (whole - last) / rate - min(silent_s, between_s))


def left_text(seconds: float) -> str:
    """Writes a time that is left: `12 s left`, `3 min left`, `2 h 5 min left`."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s left"
    minutes = -(-whole // 60)
    if minutes < 60:
        return f"{minutes} min left"
    return f"{minutes // 60} h {minutes % 60} min left"
