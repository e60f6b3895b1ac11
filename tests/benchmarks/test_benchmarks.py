"""That the benchmarks run and say what they promise; never how fast anything is."""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks import figures, sizes, syncs
from benchmarks.__main__ import main

PROMISES = {
    "startup": {"help_ms": 200, "import_ms": 100},
    "fit": {"ratio": 1.1, "around_cold_s": 8, "around_warm_s": 8},
    "commit": {"ratio": 1.5, "fsyncs_small": 1, "fsyncs_large": 1},
}
SPREAD = ["min", "lower_quartile", "median", "upper_quartile", "max"]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("benchmarks") / "result.json"
    assert main(["--quick", "--json", str(file)]) == 0
    found: dict[str, Any] = json.loads(file.read_bytes())
    return found


def test_a_result_names_the_machine_that_it_belongs_to(result: dict[str, Any]) -> None:
    assert {"cpus", "python", "platform"} <= result["machine"].keys()


@pytest.mark.parametrize("name", PROMISES)
def test_a_benchmark_says_which_promises_it_measured_and_whether_they_hold(
    result: dict[str, Any], name: str
) -> None:
    measured = result["benchmarks"][name]["figures"]

    promised = {one: figure["promise"] for one, figure in measured.items() if figure["promise"]}

    assert {one: promise["limit"] for one, promise in promised.items()} == PROMISES[name]
    for one, promise in promised.items():
        assert promise["met"] in ((True, False) if measured[one]["runs"] else (None,))


@pytest.mark.parametrize("name", PROMISES)
def test_every_figure_has_its_unit_runs_and_spread(result: dict[str, Any], name: str) -> None:
    for figure in result["benchmarks"][name]["figures"].values():
        assert figure["unit"]
        if figure["runs"]:
            values = [figure[field] for field in SPREAD]
            assert values == sorted(values)


def test_the_fits_by_hand_give_the_models_that_headwater_gives(result: dict[str, Any]) -> None:
    facts = result["benchmarks"]["fit"]["facts"]

    assert facts["same_trees"]
    assert facts["params"].keys() == {"PetalWidth", "Species"}


def test_waits_for_the_disk_are_counted_or_the_reader_is_told_why_not(result: dict[str, Any]) -> None:
    commit = result["benchmarks"]["commit"]

    counted = commit["figures"]["fsyncs_small"]["runs"]

    assert counted or "strace" in commit["notes"][0]


def test_without_strace_no_count_is_made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)

    waits = syncs.count(tmp_path, {"small": 10}, 5)

    assert waits.by_repo == {"small": []}
    assert "apt-get install strace" in waits.notes[0]


def test_a_checkpoint_is_counted_apart_from_the_commits_own_wait() -> None:
    record = """\
7 access("/headwater-benchmark/small/begin", F_OK) = -1 ENOENT (No such file or directory)
7 fdatasync(5</w/catalog.db-wal> <unfinished ...>
8 access("/w/catalog.db-journal", F_OK) = -1 ENOENT (No such file or directory)
7 <... fdatasync resumed>) = 0
7 access("/headwater-benchmark/small/end", F_OK) = -1 ENOENT (No such file or directory)
7 access("/headwater-benchmark/small/begin", F_OK) = -1 ENOENT (No such file or directory)
7 fdatasync(5</w/catalog.db-wal>) = 0
7 fdatasync(4</w/catalog.db>) = 0
7 access("/headwater-benchmark/small/end", F_OK) = -1 ENOENT (No such file or directory)
"""

    waits = syncs.read(record, ["small"])

    assert waits.by_repo == {"small": [1]}
    assert waits.checkpoints == {"small": 1}


def test_a_figure_without_measurements_is_neither_met_nor_broken() -> None:
    figure = figures.figure([], "fsyncs", limit=1)

    assert figure.runs == 0
    assert figure.promise == figures.Promise(1, None)


def test_actions_are_measured_in_turns_whose_order_turns_around() -> None:
    order: list[str] = []

    def action(name: str, turn: int) -> float:
        order.append(name)
        return turn

    measured = figures.in_turns({name: partial(action, name) for name in "ab"}, runs=2, warm_up=1)

    assert "".join(order) == "abbaab"
    assert measured == {"a": [1, 2], "b": [1, 2]}


def test_an_installation_is_made_from_the_hashed_lines_of_its_packages_alone() -> None:
    requirements = "a==1 \\\n    --hash=sha256:1\nab==2 ; python_version < '3' \\\n    --hash=sha256:2\n"

    assert sizes.lines_of(requirements, ["a"]) == "a==1 \\\n    --hash=sha256:1\n"


def test_a_size_is_that_of_all_files_below_a_folder(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a").write_bytes(b"x" * 300_000)
    (tmp_path / "b").write_bytes(b"x" * 200_000)

    assert sizes.size_mb(tmp_path) == 0.5


def test_an_unknown_benchmark_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["speed"])

    assert caught.value.code == 2
    assert "startup, fit, commit, sizes" in capsys.readouterr().err
