"""Where nodes of a tree end: the rule of docs/format/trees.md, and the numbers in it.

The numbers are parameters only so that tests can grow high trees and long
runs from few keys. Everything that is stored has the shape `FORMAT`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from blake3 import blake3

from headwater.storage.hashing import BOUNDARY_CONSTANT


@dataclass(frozen=True)
class Shape:
    """Mean fan-out 2^bits, and the length at which a run is split."""

    bits: int = 6
    cap: int = 1_024

    def boundaries(self, level: int) -> Callable[[bytes], bool]:
        """Returns the test whether an entry with this key is the last of a run of the level."""
        prefix = BOUNDARY_CONSTANT + bytes((level,))
        mask = (1 << self.bits) - 1

        def is_boundary(key: bytes) -> bool:
            return not blake3(prefix + key).digest(1)[0] & mask

        return is_boundary


FORMAT = Shape()
