"""Takes the values of secrets out of what is kept of a datum or process: what it printed, and why it failed.

Code that prints its token does so by mistake, and what it printed is shown to
everyone who may read the workspace. What code writes as its output is its own.
"""

from collections.abc import Iterable
from typing import Any

from headwater.pipelines.runtime import logs

HIDDEN = "***"
_SHORTEST = 4  # what is shorter stands in ordinary words too


class Hiding:
    """The values of some secrets, and of each line of those that have several."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        """Takes the values."""
        lines = {line.strip() for value in values for line in (value, *value.splitlines())}
        # The longest first: one may be part of another.
        self._texts = sorted((line for line in lines if len(line) >= _SHORTEST), key=len, reverse=True)
        self._bytes = [text.encode() for text in self._texts]

    def __bool__(self) -> bool:
        """Tells whether there is anything to hide."""
        return bool(self._texts)

    def in_log(self, log: bytes) -> bytes:
        """Returns a log without the values."""
        for value in self._bytes:
            log = log.replace(value, HIDDEN.encode())
        return log

    def settled(self, log: bytes) -> int:
        """Returns how many bytes of a log that still grows will read the same whatever comes: whole lines.

        A value may have several lines. Where the last ones may be the
        beginning of one, they are not settled.
        """
        end = logs.whole_lines(log)
        while True:
            begun = max((_begun(log, end, value) for value in self._bytes), default=0)
            if not begun:
                return end
            end = logs.whole_lines(log[: end - begun])

    def in_told(self, told: Any) -> Any:
        """Returns a text without the values; of a list or mapping, each text in it."""
        if isinstance(told, str):
            for value in self._texts:
                told = told.replace(value, HIDDEN)
            return told
        if isinstance(told, list | tuple):
            return [self.in_told(one) for one in told]
        if isinstance(told, dict):
            return {name: self.in_told(one) for name, one in told.items()}
        return told


def _begun(log: bytes, end: int, value: bytes) -> int:
    """Returns how many bytes before `end` are the beginning of a value that is not whole yet."""
    most = min(len(value) - 1, end)
    return next((size for size in range(most, 0, -1) if log.endswith(value[:size], 0, end)), 0)
