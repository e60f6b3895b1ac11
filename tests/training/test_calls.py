import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from headwater.api.documents import GateResult
from headwater.models import (
    Layout,
    NumberTable,
    Predictor,
    file_digest,
    sign_manifest,
    verify_artifact,
)
from headwater.models.trial import run_gates
from headwater.training import FitParams, fit, read_request
from tests.training.conftest import Made, Workbench, csv_of, wave

FEW = {"params": {"n_estimators": 10, "max_depth": 3}}
GATES = [
    {"metric": "r2", "min": 0.5},
    {"target": "kind", "metric": "accuracy", "min": 0.99},
    {"no_worse_than": "prod"},
]
HOSTILE = [
    "../../x",
    "<script>alert('1')</script>",
    "\u202eevil\u2028",
    "actual",
    "$\\frac{a}{b}$ & co",
    "日本 語",
]


class PlainSigner:
    """Signs by a digest: enough to see that a manifest is covered."""

    def sign(self, data: bytes) -> str:
        return file_digest(data).blake3

    def verify(self, data: bytes, signature: str) -> None:
        assert file_digest(data).blake3 == signature


@pytest.fixture
def made(workbench: Workbench, mixed: bytes) -> Made:
    return workbench.make(mixed, {"targets": ["y", "kind", "good"], "algorithm": FEW, "gates": GATES})


def hostile_csv() -> bytes:
    names = [f'"{name}"' for name in HOSTILE]
    rows = [
        [str(value), str(2 * value), "ab<"[place % 3], str(value**2), str(place % 4), str(-value)]
        for place, value in enumerate(wave(60))
    ]
    return "\n".join([",".join(names), *(",".join(row) for row in rows)]).encode()


def test_every_file_of_the_artifact_is_where_it_belongs(made: Made) -> None:
    target = {"model.ubj", "target.json", "test.parquet", "plots/importances.svg"}
    number = target | {"plots/predicted-actual.svg", "plots/residuals.svg"}
    label = target | {"plots/confusion.svg"}

    assert set(made.files) == {
        *(f"targets/01-y/{name}" for name in number),
        *(f"targets/03-kind/{name}" for name in label),
        *(f"targets/04-good/{name}" for name in label),
        *("manifest.json", "request.json", "schema.json", "scores.json", "provenance.json"),
        *("predictions.parquet", "report.html", "plots/pairs.svg", "plots/correlations.svg"),
    }


def test_the_manifest_covers_every_other_file_and_can_be_signed(made: Made) -> None:
    signer = PlainSigner()
    files = made.files | {Layout.SIGNATURE: sign_manifest(made.read(Layout.MANIFEST), signer)}

    manifest = verify_artifact(files.__getitem__, list(files), signer)

    assert (manifest.model, manifest.version) == ("m", 7)
    assert [target.target for target in manifest.targets] == ["y", "kind", "good"]
    assert set(manifest.files) == set(made.files) - {Layout.MANIFEST}
    assert made.stats is not None
    assert made.stats.digest == file_digest(made.read(Layout.MANIFEST)).blake3


def test_the_artifact_loads_and_predicts_what_its_test_rows_say(made: Made) -> None:
    predictor = Predictor.load(made.read)
    table = pq.read_table(io.BytesIO(made.read("targets/01-y/test.parquet")))
    features = {name: table[name].to_numpy() for name in ("x", "count", "kind", "good")}

    prediction = predictor.predict_columns(features, ["y"])["y"]

    assert table.column_names == [
        "x",
        "count",
        "kind",
        "good",
        "actual",
        "predicted",
        "lower",
        "upper",
        "row",
    ]
    assert isinstance(prediction, NumberTable)
    assert prediction.value.tolist() == table["predicted"].to_pylist()
    assert prediction.lower is not None
    assert prediction.lower.tolist() == table["lower"].to_pylist()


def test_the_gates_of_the_request_run_on_the_artifact(made: Made) -> None:
    rows: list[GateResult] = run_gates(made.read, [], lambda _: "nobody is there")

    assert [(row.target, row.passed) for row in rows] == [
        ("y", True),
        ("kind", made.json("scores.json")["kind"]["accuracy"] >= 0.99),
        ("y", False),
        ("kind", False),
        ("good", False),
    ]
    assert rows[0].value == pytest.approx(made.json("scores.json")["y"]["r2"])


def test_all_test_predictions_stand_in_one_table(made: Made) -> None:
    table = pq.read_table(io.BytesIO(made.read("predictions.parquet"))).to_pylist()

    assert {row["target"] for row in table} == {"y", "kind", "good"}
    assert len(table) == 3 * 24
    number = next(row for row in table if row["target"] == "y")
    label = next(row for row in table if row["target"] == "good")
    assert number["lower"] < number["predicted"] < number["upper"]
    assert number["label"] is None
    assert label["label"] in ("true", "false")
    assert 0.5 <= label["probability"] <= 1


def test_the_provenance_names_data_code_request_and_libraries(made: Made) -> None:
    provenance = made.json("provenance.json")

    assert provenance["data"]["commit"] == "0123456789abcdef" * 2
    assert provenance["data"]["path"] == "deep/d.csv"
    assert (provenance["request"], provenance["code"], provenance["rows"]) == ("r-1", "c-1", 120)
    assert {"headwater", "numpy"} <= set(provenance["libraries"])
    assert made.json("request.json") == json.loads(made.request.canonical())


def test_the_same_inputs_give_the_same_bytes(workbench: Workbench, mixed: bytes) -> None:
    request: dict[str, Any] = {"targets": ["y", "kind"], "algorithm": FEW, "gates": GATES}

    first, second = (workbench.make(mixed, request).files for _ in range(2))

    assert first == second


def test_another_process_on_another_day_gives_the_same_bytes(
    made: Made, mixed: bytes, tmp_path: Path
) -> None:
    (tmp_path / "d.csv").write_bytes(mixed)
    (tmp_path / "r.json").write_bytes(made.request.canonical())
    script = (
        "import json, sys; from pathlib import Path; from tests.training.conftest import Workbench\n"
        "place = Path(sys.argv[1]); bench = Workbench(place / 'other')\n"
        "made = bench.make((place / 'd.csv').read_bytes(), json.loads((place / 'r.json').read_bytes()))\n"
        "sys.stdout.write(made.stats.digest)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    environment = {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "PYTHONPATH": ".", "PATH": "/usr/bin:/bin"}

    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)

    assert made.stats is not None
    assert done.stdout == made.stats.digest


def test_asking_for_more_targets_leaves_the_files_of_a_target_as_they_are(
    workbench: Workbench, mixed: bytes, made: Made
) -> None:
    alone = workbench.make(mixed, {"targets": "y", "algorithm": FEW, "promote": ["dev"]})

    names = [name for name in made.files if name.startswith("targets/01-y/")]
    assert names
    assert {name: alone.files[name] for name in names} == {name: made.files[name] for name in names}


def test_the_number_of_threads_leaves_no_trace(tmp_path: Path, mixed: bytes) -> None:
    request = read_request({"model": "m", "data": "d@main:/d.csv", "targets": "y", "algorithm": FEW})
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "d.csv").write_bytes(mixed)
    written = []
    for threads in (1, 2):
        out = tmp_path / f"out-{threads}"
        out.mkdir()
        params = FitParams(request=request, target="y", path="d.csv", threads=threads)
        fit(msgspec.msgpack.encode(params), tmp_path, out)
        written.append({path.name: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()})

    assert written[0] == written[1]


def test_statistics_tell_the_seconds_inside_and_around_fits(made: Made) -> None:
    seconds = made.fits["y"].seconds

    assert set(seconds) == {"imports", "read", "around fits", "write", "fit", "calibration"}
    assert all(value >= 0 for value in seconds.values())
    assert seconds["fit"] > 0
    assert made.fits["kind"].task == "classification"


def test_names_that_want_to_be_paths_or_markup_stay_names(workbench: Workbench) -> None:
    made = workbench.make(hostile_csv(), {"algorithm": FEW, "targets": "all"})

    report = made.read("report.html").decode()
    assert {one["target"] for one in made.json("manifest.json")["targets"]} == set(HOSTILE)
    assert all(path.isascii() and ".." not in path for path in made.files)
    assert "<script" not in report
    assert "&lt;script&gt;" in report
    assert "\u202e" not in report
    assert Predictor.load(made.read).targets == tuple(HOSTILE)
    run_gates(made.read, [], lambda _: "")


def test_a_feature_called_actual_does_not_hide_the_actual_values(workbench: Workbench) -> None:
    made = workbench.make(hostile_csv(), {"algorithm": FEW, "targets": ["../../x"]})

    scores = made.json("scores.json")["../../x"]
    rows = run_gates(made.read, [], lambda _: "")
    table = pq.ParquetFile(io.BytesIO(made.read("targets/00-x/test.parquet"))).read()

    assert rows == []
    assert table.column_names.count("actual") == 2
    assert scores["r2"] > 0.5


def test_data_without_numbers_has_a_report_without_their_pictures(workbench: Workbench) -> None:
    data = csv_of(a=["x", "y", "z"] * 20, b=["p", "q", "p"] * 20)

    made = workbench.make(data, {"targets": "b", "algorithm": FEW}, path="d.csv")

    assert not [name for name in made.files if name.startswith("plots/")]
    assert made.json("scores.json")["b"]["accuracy"] == 1.0
