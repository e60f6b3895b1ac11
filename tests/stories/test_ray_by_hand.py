"""A worker on Ray, from the command line."""

from pathlib import Path

import pytest

from tests.servers.ray_cluster import run_inside


@pytest.mark.timeout(120)
def test_a_worker_on_ray_does_what_a_local_one_does() -> None:
    run_inside(Path(__file__).with_name("inside_ray_worker.py"), limit_s=110)
