"""A spout in a container image; where podman does not work this is skipped by name."""

from pathlib import Path

import pytest

from tests.pipelines.longrun.conftest import Place
from tests.servers.podman import Podman
from tests.waiting import until

_LINES = (
    "mkdir /pfs/out/draft && cat said.txt > /pfs/out/draft/a.txt && echo $KEY >> /pfs/out/draft/a.txt",
    "mv /pfs/out/draft $HEADWATER_OUTPUT/ready/first",
    "sleep 100",
)


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_a_command_in_an_image_hands_over_and_ends_with_its_pipeline(
    place: Place, podman: Podman, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", "named")
    secrets = {"KEY": "env:TEST_KEY"}
    place.spout({"said.txt": "said\n"}, command=("sh",), stdin=_LINES, image=podman.image, secrets=secrets)

    with place.working():
        until(place.commits)
        place.set_state("paused")
        until(lambda: place.state() == "stopped")

    assert place.files() == {"a.txt": "said\nnamed\n"}
    assert podman.containers() == []


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_without_a_tool_an_image_says_what_to_install(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    place.spout({"x": "1"}, command=("sh",), image="localhost/not-looked-for:latest")

    with place.working():
        until(
            lambda: (found := place.status()) is not None and "podman is not installed" in (found.error or "")
        )

    assert place.state() == "restarting"
