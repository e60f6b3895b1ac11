"""What every test may use: the test data's folder, the size of a run, and Hypothesis profiles."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("HEADWATER_TEST_DATA") or ROOT.parent / "shared" / "data")
# Servers that tests start themselves, each once a session and only if a test asks for it.
pytest_plugins = [
    "tests.servers.postgres",
    "tests.servers.azurite",
    "tests.servers.docker_engine",
    "tests.servers.podman",
    "tests.servers.seaweed",
]

LARGE = os.environ.get("HEADWATER_TEST_SIZE") == "large"

# `ci` finds the same examples in every run; `large` looks further, and elsewhere each time.
settings.register_profile(
    "ci", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "large", deadline=None, max_examples=2_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("large" if LARGE else "ci")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips, by name, what needs data that is not there or time that nobody gave."""
    no_data = pytest.mark.skip(
        reason=f"there is no test data in {DATA}; name its folder in HEADWATER_TEST_DATA"
    )
    too_long = pytest.mark.skip(reason="takes long; runs with HEADWATER_TEST_SIZE=large")
    for item in items:
        needs_data = "test_data" in getattr(item, "fixturenames", ()) or item.get_closest_marker(
            "needs_test_data"
        )
        if needs_data and not DATA.is_dir():
            item.add_marker(no_data)
        if item.get_closest_marker("large") and not LARGE:
            item.add_marker(too_long)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Returns the folder of the data sets that tests read and the repository does not hold."""
    return DATA
