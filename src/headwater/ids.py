"""Typed identifiers, and where new ones come from.

Random ids have 128 bits from the operating system and are unique across
workspaces. Prediction ids are ULIDs, so that their order is their time and a
log of them can be searched without an index.
"""

import os
import secrets
import threading
from typing import NewType

CommitId = NewType("CommitId", str)
SetId = NewType("SetId", str)
JobId = NewType("JobId", str)
TaskId = NewType("TaskId", str)
PromotionId = NewType("PromotionId", str)
TokenId = NewType("TokenId", str)
PredictionId = NewType("PredictionId", str)

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80


def random_id() -> str:
    """Returns 32 hexadecimal digits, 128 random bits."""
    return secrets.token_hex(16)


class UlidSource:
    """Makes ULIDs that ascend strictly within one process.

    Source: the ULID specification (48-bit milliseconds, 80 random bits,
    Crockford base 32), with its rule for several in one millisecond.
    """

    def __init__(self) -> None:
        """Starts with no id given out."""
        self._lock = threading.Lock()
        self._last = 0

    def next(self, now_ms: int) -> str:
        """Returns 26 characters, greater than every one before; a clock going back does not matter."""
        fresh = (now_ms << _RANDOM_BITS) | int.from_bytes(os.urandom(10), "big")
        with self._lock:
            self._last = fresh if fresh > self._last else self._last + 1
            number = self._last
        return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -5, -5))
