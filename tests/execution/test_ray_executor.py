"""The executor on Ray, in a network of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.ray_cluster import run_inside

HERE = Path(__file__).parent


@pytest.mark.timeout(120)
def test_a_cluster_started_by_itself_keeps_the_contract_of_executors() -> None:
    run_inside(HERE / "inside_ray_contract.py")


@pytest.mark.timeout(120)
def test_a_lost_node_costs_its_calls_only() -> None:
    run_inside(HERE / "inside_ray_nodes.py")


WITHOUT = """
import sys
sys.modules["ray"] = None
from headwater.errors import MissingExtra
from headwater.execution import RayExecutor
try:
    RayExecutor({})
except MissingExtra as error:
    print(error)
"""


def test_without_ray_the_extra_is_named() -> None:
    said = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True).stdout

    assert "pip install 'headwater[ray]'" in said


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "auto"])
def test_an_address_without_a_cluster_is_named_soon(address: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", NOBODY, address]
    environment = {**os.environ, "RAY_TMPDIR": str(tmp_path), "RAY_ADDRESS": ""}
    said = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=60
    ).stdout

    assert f"The Ray cluster at {address} cannot be used: " in said
    assert "Traceback" not in said


NOBODY = """
import sys
from headwater.execution import ClusterUnavailable, RayExecutor
try:
    RayExecutor({}, sys.argv[1])
except ClusterUnavailable as error:
    print(error)
"""
