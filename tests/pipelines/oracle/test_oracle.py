"""Random pipelines and random edits: what was computed step by step is what computing everything at once gives.

After each step the head of every output must be exactly what its own
provenance says it was made of, told by a slow enumeration that shares no code
with the engine, and all its paths back to a source must end in one commit. In
the end a second workspace with the last state of everything must come to the
same roots.
"""

import random
from pathlib import Path

import pytest

from headwater.execution import LocalExecutor
from tests.conftest import LARGE
from tests.pipelines.oracle.program import begin, check, compare, copy, heal, step
from tests.pipelines.oracle.world import world

_PROGRAMS, _STEPS = (400, 14) if LARGE else (8, 8)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(_PROGRAMS))
def test_what_was_computed_step_by_step_is_what_computing_all_at_once_gives(
    seed: int, tmp_path: Path, executor: LocalExecutor
) -> None:
    chance = random.Random(seed)
    with world(tmp_path / "steps", executor) as one:
        names = begin(one, chance)
        for _ in range(_STEPS):
            step(one, chance, names)
            check(one, names)
        heal(one)
        check(one, names)
        with world(tmp_path / "scratch", executor) as other:
            copy(one, other)
            compare(one, other, names)
