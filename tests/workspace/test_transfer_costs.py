"""What bringing one file into a large repo, or out of it, costs: counted, and growing with the tree's height only."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

import headwater as hw
from headwater.storage.reader import SegmentReader
from headwater.workspace import Workspace

SIZES = [1_000, 10_000, 100_000, pytest.param(1_000_000, marks=pytest.mark.large)]


@pytest.fixture(scope="module", params=SIZES)
def grown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    folder, files = tmp_path_factory.mktemp("grown"), request.param
    with (
        hw.open(folder, create=True) as workspace,
        workspace.repo("r", create=True).commit() as commit,
    ):
        content = commit.writer.add(b"x")
        for number in range(files):
            commit.put_content(f"{number // 100:05d}/{number % 100:02d}.txt", content)
    return folder, files


@pytest.fixture
def cold(grown: tuple[Path, int]) -> Iterator[tuple[Workspace, int]]:
    """A workspace as a process sees it that has just opened it, and the nodes that it may read."""
    folder, files = grown
    with hw.open(folder) as workspace:
        yield workspace, math.ceil(math.log(files, 64)) + 1


def seen(workspace: Workspace) -> tuple[int, int]:
    """Returns how many nodes were decoded, and how often rows and objects were read."""
    nodes = workspace.repo("r").at("main").tree.nodes
    assert isinstance(nodes.source, SegmentReader)
    return nodes.decoded, nodes.source.object_reads + nodes.source.row_reads


def test_one_more_file_reads_a_few_nodes_a_level(cold: tuple[Workspace, int], tmp_path: Path) -> None:
    workspace, levels = cold
    (tmp_path / "more").write_bytes(b"more")

    workspace.put("r@main:/00003/more.txt", [str(tmp_path / "more")])

    decoded, reads = seen(workspace)
    assert decoded <= 3 * levels + 1
    assert reads <= 3 * levels + 2


def test_a_small_folder_goes_out_without_a_look_at_others(
    cold: tuple[Workspace, int], tmp_path: Path
) -> None:
    workspace, levels = cold

    workspace.get("r@main:/00005", tmp_path / "out")

    decoded, reads = seen(workspace)
    assert len(list((tmp_path / "out").iterdir())) == 100
    assert decoded <= 6 * levels
    assert reads <= 6 * levels + 2
