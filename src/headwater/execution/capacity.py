"""What a machine has for calls, and who of those that wait may have some of it.

Calls begin in the order in which they came, but one that wants what is taken
does not hold up those behind it that can do without: a call that waits for the
GPU lets calls pass that need none. Nothing passes a call that waits for cores,
for every call needs those; so none waits for ever.
"""

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from headwater.execution.errors import NeedsUnmet
from headwater.execution.protocol import Needs
from headwater.settings import cores, gpus

_DEVICES = "nvidia[0-9]*"
_EPSILON = 1e-9  # tenths do not add up to one


class Machine:
    """What there is on this machine."""

    def __init__(
        self, *, cpu: float | None = None, memory: int | None = None, gpus: Sequence[str] | None = None
    ) -> None:
        """Asks the system for whatever is not given."""
        self.cpu = float(cores()) if cpu is None else cpu
        self.memory = _memory_bytes() if memory is None else memory
        self.gpus = _gpus() if gpus is None else tuple(gpus)

    def refuse(self, call: str, needs: Needs) -> None:
        """Makes sure that the machine could run a call if it did nothing else.

        Raises:
            NeedsUnmet: It could not.
        """
        if needs.cpu > self.cpu or needs.memory > self.memory or math.ceil(needs.gpu) > len(self.gpus):
            has = counted(self.cpu, self.memory, len(self.gpus))
            raise NeedsUnmet(call, wants=described(needs), has=f"this machine has {has}")


class Share:
    """What one call has been given; `gpus` are the names of its devices, none where it asked for none."""

    def __init__(self, cpu: float, memory: int, gpus: dict[str, float]) -> None:
        """Keeps the shares, of GPUs by name."""
        self.cpu, self.memory, self.gpus = cpu, memory, gpus


class Capacity:
    """What is free of a pool; not safe for threads by itself."""

    def __init__(self, machine: Machine, places: int) -> None:
        """Begins with all of the machine, of which at most `places` cores are given away."""
        self._places, self._memory_bytes = float(places), machine.memory
        self._cpu, self._memory = self._places, machine.memory
        self._gpus = dict.fromkeys(machine.gpus, 1.0)

    def first(self, waiting: Iterable[Needs | None]) -> tuple[int, Share] | None:
        """Takes the share of the first that may begin; returns its place in the line."""
        is_gpu_wanted, memory = False, self._memory
        for at, needs in enumerate(waiting):
            wants = needs or Needs()
            if min(wants.cpu, self._places) > self._cpu + _EPSILON:
                return None
            gpus = None if wants.gpu and is_gpu_wanted else self._devices(wants.gpu)
            if gpus is not None and wants.memory <= memory:
                return at, self._take(wants, gpus)
            is_gpu_wanted = is_gpu_wanted or wants.gpu > 0
            memory = 0 if wants.memory > memory else memory
        return None

    def give_back(self, share: Share) -> None:
        """Makes free what a call had."""
        self._cpu += share.cpu
        self._memory += share.memory
        for name, part in share.gpus.items():
            self._gpus[name] += part

    def _take(self, needs: Needs, gpus: dict[str, float]) -> Share:
        share = Share(min(needs.cpu, self._places), needs.memory, gpus)
        self._cpu -= share.cpu
        self._memory -= share.memory
        for name, part in gpus.items():
            self._gpus[name] -= part
        return share

    def _devices(self, wanted: float) -> dict[str, float] | None:
        """Returns devices with room: a part of one, or whole ones; none where there are too few."""
        if wanted <= 0:
            return {}
        part, count = (wanted, 1) if wanted < 1 else (1.0, math.ceil(wanted))
        found = [name for name, free in self._gpus.items() if free + _EPSILON >= part]
        return dict.fromkeys(found[:count], part) if len(found) >= count else None


def described(needs: Needs) -> str:
    """Returns needs in words."""
    words = [_several(needs.cpu, "core")]
    words += [f"{needs.memory >> 20} MiB of memory"] if needs.memory else []
    words += [_several(needs.gpu, "GPU")] if needs.gpu else []
    return ", ".join(words)


def counted(cpu: float, memory: float, gpu: float) -> str:
    """Returns in words what a machine has."""
    return f"{_several(cpu, 'core')}, {int(memory) >> 20} MiB of memory, {_several(gpu, 'GPU')}"


def _several(count: float, what: str) -> str:
    return f"{count:g} {what}" if count == 1 else f"{count:g} {what}s"


def _memory_bytes() -> int:
    """Returns what this process may have at most: the machine's memory, or the limit of its control group."""
    has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return has
    return min(has, int(limit)) if limit.isdecimal() else has


def _gpus() -> tuple[str, ...]:
    """Returns the names of the NVIDIA devices that this process may use."""
    named = gpus()
    if named is not None:
        return tuple(one.strip() for one in named.split(",") if one.strip() not in ("", "-1"))
    found = [path.name.removeprefix("nvidia") for path in Path("/dev").glob(_DEVICES)]
    return tuple(sorted((name for name in found if name.isdecimal()), key=int))
