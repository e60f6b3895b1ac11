"""A node of a Ray cluster dies while jobs run."""

from pathlib import Path

import pytest

from tests.conftest import LARGE
from tests.servers.ray_cluster import run_inside


@pytest.mark.timeout(900 if LARGE else 120)
def test_a_lost_node_costs_its_datum_sets_only() -> None:
    run_inside(Path(__file__).with_name("inside_ray_deaths.py"), limit_s=880 if LARGE else 110)
