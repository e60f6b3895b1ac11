"""Random programs of which one copy runs on processes of this machine and one on Ray, step by step beside each other."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.execution import LocalExecutor, RayExecutor
from headwater.settings import store_environment
from headwater.workspace.handlers import calls
from tests.conftest import LARGE
from tests.pipelines.oracle.program import begin, check, compare, copy, heal, step
from tests.pipelines.oracle.world import world
from tests.pipelines.talking import talking

_PROGRAMS, _STEPS = (40, 14) if LARGE else (2, 4)


@pytest.fixture(scope="module")
def ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayExecutor]:
    with RayExecutor(calls(), processes=2, folder=tmp_path_factory.getbasetemp()) as found:
        yield found


@pytest.mark.timeout(1_800 if LARGE else 120)
@pytest.mark.parametrize("seed", range(100, 100 + _PROGRAMS))
def test_each_step_has_the_same_root_on_ray_as_on_this_machine(
    seed: int, tmp_path: Path, executor: LocalExecutor, ray: RayExecutor
) -> None:
    with world(tmp_path / "here", executor) as here, world(tmp_path / "there", ray) as there:
        chances = random.Random(seed), random.Random(seed)
        names = begin(here, chances[0])
        assert begin(there, chances[1]) == names
        for _ in range(_STEPS):
            step(here, chances[0], names)
            step(there, chances[1], names)
            assert there.files("left") == here.files("left")
            assert [there.root(name) for name in names] == [here.root(name) for name in names]
            check(there, names)
        heal(here)
        heal(there)
        with world(tmp_path / "scratch", ray) as scratch:
            copy(there, scratch)
            compare(here, scratch, names)
            compare(there, scratch, names)


def test_with_objects_in_a_bucket_the_roots_are_those_of_a_folder(
    tmp_path: Path, executor: LocalExecutor, ray: RayExecutor, s3_url: str
) -> None:
    assert ray.places() == 2  # its cluster is the one that the next joins
    with (
        RayExecutor(calls(), environment=store_environment(s3_url)) as joined,
        world(tmp_path / "here", executor) as here,
        world(tmp_path / "there", joined, objects=s3_url) as there,
    ):
        roots = []
        for one in (here, there):
            chance = random.Random(100)
            names = begin(one, chance)
            one.work()
            step(one, chance, names)
            check(one, names)
            roots.append([one.root(name) for name in names])
        assert any(roots[0])
        assert roots[1] == roots[0]
        with talking(
            tmp_path / "talk", joined, "function", objects=s3_url.replace("/objects?", "/talk?")
        ) as talk:
            lines = talk.jobs.logs(talk.job, follow=True)
            told = [next(lines)]
            for _ in range(2):
                talk.open_gate()
                told.append(next(lines))
            told += lines
        assert [one.line for one in told] == ["first", "***", "second", "last"]
        assert (told[0].running, talk.shown()) == (True, [])
