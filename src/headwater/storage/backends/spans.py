"""Decides which requests fetch many wanted parts: those that lie close together share one."""

from collections.abc import Sequence
from typing import NamedTuple

from headwater.storage.protocol import ObjectKey, Wanted


class Request(NamedTuple):
    """One request, and which parts are answered by it: number, start, stop."""

    key: ObjectKey
    start: int
    stop: int
    parts: list[tuple[int, int, int]]


def coalesce(wanted: Sequence[Wanted], gap_bytes: int) -> list[Request]:
    """Returns the requests for all wanted parts.

    Args:
        wanted: What is wanted, in any order, overlaps allowed.
        gap_bytes: How many unwanted bytes between two parts are fetched rather than asked around.
    """
    ordered = sorted(range(len(wanted)), key=lambda n: (wanted[n].key, wanted[n].start, wanted[n].stop))
    requests: list[Request] = []
    for number in ordered:
        key, start, stop = wanted[number]
        last = requests[-1] if requests else None
        if last is not None and last.key == key and start <= last.stop + gap_bytes:
            last.parts.append((number, start, stop))
            requests[-1] = last._replace(stop=max(last.stop, stop))
        else:
            requests.append(Request(key, start, stop, [(number, start, stop)]))
    return requests
