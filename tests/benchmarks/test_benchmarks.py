"""That the benchmarks run and say what they promise; never how fast anything is."""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks import bulk, figures, peers, scaling, sizes, syncs
from benchmarks.__main__ import main

PROMISES = {
    "startup": {"help_ms": 200, "import_ms": 100},
    "fit": {"ratio": 1.1, "around_cold_s": 8, "around_warm_s": 8},
    "commit": {"ratio": 1.5, "large_ms": 25, "diff_ms": 5, "fsyncs_small": 1, "fsyncs_large": 1},
    "commits": {"one_process": 100, "longest_wait_ms": 1_000, "lost_updates": 0},
    "bulk": {"over_dvc": 5, "over_git": 2, "one_more_ms": 50},
    "large_file": {"put_share": 0.7, "get_share": 0.7},
    "remote": {
        "cold_300_requests": 6,
        "cold_300_rounds": 5,
        "warm_300_requests": 2,
        "warm_300_rounds": 1,
    },
    "memory": {"commit_mb": 300, "list_mb": 300, "put_mb": 300, "get_mb": 300},
    "scaling": {},
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


def test_a_promise_may_be_the_least_that_is_wanted() -> None:
    assert figures.figure([3, 4, 5], "×", least=4).promise == figures.Promise(4, True, is_least=True)
    assert figures.figure([3, 4, 5], "×", least=4.1).promise == figures.Promise(4.1, False, is_least=True)


def test_costs_that_grow_with_the_height_of_a_tree_are_fitted_as_such() -> None:
    files = [2**10, 2**15, 2**20]

    line = scaling.fitted(files, [3 + 0.5 * n for n in (10, 15, 20)])

    assert line.at(2**30) == pytest.approx(18)
    assert scaling.fitted(files, [7, 7, 7]).at(10**9) == pytest.approx(7)


def test_what_many_commits_cost_is_what_one_costs_so_many_times() -> None:
    lines = dict.fromkeys(
        ("nodes_read", "nodes_read_warm", "bytes", "rows", "requests", "requests_warm"), scaling.Line(2, 1)
    )

    found = scaling.extrapolated(lines, 2**30, 10, 3)

    assert found["one_commit"]["bytes"] == 32
    assert found["a_day"]["rows"] == 320


def test_writers_at_once_lose_nothing(result: dict[str, Any]) -> None:
    assert result["benchmarks"]["commits"]["figures"]["lost_updates"]["max"] == 0


def test_a_peer_that_is_not_there_is_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "dvc", lambda: None)

    report = bulk.measure(files=3, runs=1, dvc_runs=1, more=1)

    assert report.figures["over_dvc"].promise == figures.Promise(5, None, is_least=True)
    assert "dvc" in report.notes[0]


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
    assert "startup, fit, commit, commits, bulk" in capsys.readouterr().err
