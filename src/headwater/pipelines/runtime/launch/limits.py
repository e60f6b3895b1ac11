"""Watches what a datum takes: its time, and the memory of all processes below a launcher."""

import time

from headwater.errors import Error
from headwater.pipelines.runtime.errors import DatumTimeout, OutOfMemory
from headwater.pipelines.runtime.launch.processes import descendants, memory_limit, resident_bytes

LOOK_S = 0.05
_MACHINE_SHARE = 0.8
# A process may reserve more than it uses: stacks of threads, arenas of allocators.
_RESERVED_SHARE, _RESERVED_BYTES = 0.25, 512 * 1024 * 1024


def data_limit(memory: int) -> int:
    """Returns the limit of a process's data segment for a declared memory limit; 0 for none."""
    return memory + round(memory * _RESERVED_SHARE) + _RESERVED_BYTES if memory else 0


class Watch:
    """The limits of the datums of one set."""

    def __init__(self, datum_timeout_s: float | None, memory: int) -> None:
        """Takes what is declared; without a memory limit, most of what the machine has is one."""
        self._timeout_s, self._declared = datum_timeout_s, memory
        self._memory = memory or round(memory_limit() * _MACHINE_SHARE)
        self._until_s: float | None = None
        self._allowed_s = 0.0

    def begin(self, datums: int = 1) -> None:
        """Starts the clock for one call, which may take the time of so many datums."""
        if self._timeout_s is not None:
            self._allowed_s = self._timeout_s * datums
            self._until_s = time.monotonic() + self._allowed_s

    def pause(self) -> None:
        """Stops the clock."""
        self._until_s = None

    @property
    def wait_s(self) -> float:
        """How long to wait before looking again."""
        if self._until_s is None:
            return LOOK_S
        return min(LOOK_S, max(0.001, self._until_s - time.monotonic()))

    def broken(self, launcher: int, *, time_only: bool = False) -> Error | None:
        """Returns which limit is exceeded by what runs below a launcher."""
        if self._until_s is not None and time.monotonic() >= self._until_s:
            return self._too_long()
        if time_only:
            return None
        used = resident_bytes(descendants(launcher), self._memory)
        return self.too_much(used) if used > self._memory else None

    def too_much(self, used: int | None) -> OutOfMemory:
        """Returns the error of a datum that took too much memory, or asked for more than there is."""
        use = "asked for more than" if used is None else f"took {_bytes(used)}, more than"
        limit = _bytes(self._memory)
        whose = "its limit of" if self._declared else "most of what this machine has,"
        return OutOfMemory(
            f"The code {use} {whose} {limit}.",
            hint="Raise `resources.memory`, read files in parts, or make datums smaller with the glob."
            if self._declared
            else "Declare `resources.memory`, so that it runs where there is as much, or read files in parts.",
            details=[{"limit_bytes": self._memory, "used_bytes": used}],
        )

    def _too_long(self) -> DatumTimeout:
        return DatumTimeout(
            f"The code took longer than the limit of {self._allowed_s:g} s.",
            hint="Raise `datum_timeout`, or make datums smaller with the glob.",
            details=[{"limit_s": self._allowed_s}],
        )


def _bytes(count: int) -> str:
    for unit, size in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
