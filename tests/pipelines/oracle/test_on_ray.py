"""The oracle's programs on Ray: the same specs, the same results, the same roots."""

from pathlib import Path

import pytest

from tests.conftest import LARGE
from tests.servers.ray_cluster import run_inside


@pytest.mark.timeout(7_200 if LARGE else 120)
def test_on_ray_each_step_has_the_root_that_it_has_on_this_machine_and_from_scratch() -> None:
    run_inside(Path(__file__).with_name("inside_ray_oracle.py"), limit_s=7_000 if LARGE else 110)
