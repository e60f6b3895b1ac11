"""Runs the program as a user does: as a process, in a folder of its own.

Training costs seconds, so one trained workspace is made per run; a test that
changes something works on a copy of its folder.
"""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.counting import REVIEWS, TOTAL, WORDS
from tests.stories.program import Command, Running, Start, commands_in, program_in, stop_workers, train

IRIS = """\
model: iris
data: iris@main:/iris.csv
targets: all
features: {exclude: [ResultLabel]}
algorithm: {params: {n_estimators: 20, max_depth: 3}}
gates: [{metric: r2, min: 0.2}]
"""


@pytest.fixture
def headwater(tmp_path: Path) -> Iterator[Command]:
    """Runs `headwater` in a folder of its own; a fixture of files lies beside the workspace."""
    yield program_in(tmp_path)
    stop_workers(tmp_path)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `headwater` beside the test, in the folder where `headwater` runs."""
    started: list[Running] = []

    def begin(*words: str) -> Running:
        started.append(Running(tmp_path, words, len(started)))
        return started[-1]

    yield begin
    for one in started:
        if one.is_running:
            one.end(signal.SIGKILL)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, test_data: Path) -> Path:
    """Returns a folder whose workspace has version 1 of `iris` in no environment; look, change a copy."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copy(test_data / "iris.csv", folder)
    (folder / "iris.yaml").write_text(IRIS)
    headwater = program_in(folder)
    headwater("init")
    headwater("repo", "create", "iris")
    headwater("put", "iris@main", "iris.csv", "-m", "First rows")
    train(folder, "iris.yaml")
    return folder


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> Path:
    """Returns a folder where version 1 is in prod, version 2 in staging, and version 3 failed its gates."""
    import headwater as hw

    folder = tmp_path_factory.mktemp("deployed")
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    with hw.open(folder) as workspace:
        workspace.promote("iris@1", "prod")
        workspace.train(IRIS.replace("0.2", "0.1") + "promote: [dev, staging]\n").result()
        workspace.train(IRIS.replace("0.2", "0.97") + "promote: [dev]\n").result()
    stop_workers(folder)
    return folder


@pytest.fixture
def workspace(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """Runs command lines in a copy of the trained workspace."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return commands_in(tmp_path, monkeypatch, capfd)


@pytest.fixture
def production(
    deployed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """Runs command lines in a copy of the deployed workspace."""
    shutil.copytree(deployed, tmp_path, dirs_exist_ok=True)
    return commands_in(tmp_path, monkeypatch, capfd)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with three reviews, two specs beside its workspace, and both pipelines run; copy it."""
    import headwater as hw

    folder = tmp_path_factory.mktemp("counted")
    (folder / "words.py").write_text(WORDS)
    (folder / "total.yaml").write_text(TOTAL)
    with hw.open(folder, create=True) as workspace:
        with workspace.repo("reviews", create=True).commit("main") as commit:
            for name, text in REVIEWS.items():
                commit.put(name, text)
        workspace.pipelines.create_all(folder / "words.py", folder / "total.yaml")
        workspace.jobs.wait(commit)
    stop_workers(folder)
    return folder


@pytest.fixture
def counted(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """Runs command lines where both pipelines exist and have run."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    yield commands_in(tmp_path, monkeypatch, capfd)
    stop_workers(tmp_path)


@pytest.fixture
def asked(prepared: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs command lines that change nothing, in the workspace that the others copy."""
    return commands_in(prepared, monkeypatch, capfd)
