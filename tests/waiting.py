"""Waiting for what another thread, process or server does, with a deadline and without a guess how long it takes."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 60.0
_LOOK_S = 0.01


def until(look: Callable[[], T | None], what: str = "what was to come", patience_s: float = PATIENCE_S) -> T:
    """Returns the first thing that `look` finds; fails, naming what it waited for, when that takes too long."""
    over_s = time.monotonic() + patience_s
    while time.monotonic() < over_s:
        found = look()
        if found:
            return found
        time.sleep(_LOOK_S)  # another process has no other way to tell
    raise AssertionError(f"Waited {patience_s:.0f} s in vain for {what}.")
