"""Makes real versions: small trees of XGBoost, fitted, sealed and registered as training does it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from io import BytesIO
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xgboost
from numpy.typing import NDArray

from headwater.access import SignatureInvalid, Signer
from headwater.api.documents import TargetRows
from headwater.db import Catalog
from headwater.features import Schema, Transform
from headwater.ids import CommitId
from headwater.models import (
    IntervalCalibration,
    Layout,
    ManifestTarget,
    Registry,
    TargetInfo,
    build_manifest,
    file_digest,
    sign_manifest,
    target_folder,
)
from headwater.repos import Repos

ROWS = 120
TEST = 40
GOOD, POOR = 60, 1  # trees
Table = dict[str, Any]


def table_of(seed: int, extra: Sequence[str] = ()) -> Table:
    """Returns rows with two numbers and a colour, a number that follows from them, and a class."""
    random = np.random.default_rng(seed)
    length, width = random.uniform(0, 10, ROWS), random.uniform(0, 10, ROWS)
    colour = random.choice(["blue", "red"], ROWS)
    weight = 3 * length + width + np.where(colour == "red", 5.0, 0.0) + random.normal(0, 0.1, ROWS)
    kind = np.where(length > width, "long", "wide")
    table: Table = {"length": length, "width": width, "colour": colour, "weight": weight, "kind": kind}
    return table | {name: random.uniform(0, 1, ROWS) for name in extra}


class Watched:
    """A verifier that distrusts some manifests, and during whose work other things happen."""

    def __init__(
        self,
        signer: Signer,
        *,
        distrusted: Collection[bytes] = (),
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        self._signer, self._distrusted, self._meanwhile = signer, distrusted, meanwhile

    def verify(self, data: bytes, signature: str) -> None:
        self._meanwhile()
        if data in self._distrusted:
            raise SignatureInvalid("does not belong to these bytes")
        self._signer.verify(data, signature)


class Maker:
    """Trains versions of models that follow `table_of`."""

    def __init__(self, catalog: Catalog, repos: Repos, registry: Registry, signer: Signer) -> None:
        self.catalog, self.repos, self.registry, self.signer = catalog, repos, registry, signer

    def make(
        self,
        model: str = "parcel",
        *,
        trees: int = GOOD,
        seed: int = 1,
        gates: Sequence[Mapping[str, Any]] = (),
        targets: Sequence[str] = ("weight", "kind"),
        extra: Sequence[str] = (),
        instead: Mapping[str, bytes] | None = None,
        sealed: bool = True,
    ) -> int:
        """Makes a version and returns its number; `instead` replaces files, before or after sealing."""
        with self.catalog.write() as conn:
            self.repos.ensure(conn, f"models/{model}", kind="model")
            number = self.registry.next_number(conn, model)
        files = artifact(
            table_of(seed, extra),
            trees=trees,
            targets=targets,
            features=["length", "width", "colour", *extra],
        )
        files[Layout.REQUEST] = msgspec.json.encode({"model": model, "gates": list(gates)})
        if sealed:
            files |= instead or {}
        files |= self.seal(model, number, targets, files)
        if not sealed:
            files |= instead or {}
        self.register(model, number, self.put(model, files))
        return number

    def seal(
        self, model: str, number: int, targets: Sequence[str], files: Mapping[str, bytes]
    ) -> dict[str, bytes]:
        """Returns manifest and signature for the files."""
        named = [
            ManifestTarget(name, _task(name), target_folder(place, name))
            for place, name in enumerate(targets)
        ]
        digests = {path: file_digest(data) for path, data in files.items()}
        manifest = build_manifest(model, number, named, digests).to_json()
        return {Layout.MANIFEST: manifest, Layout.SIGNATURE: sign_manifest(manifest, self.signer)}

    def put(self, model: str, files: Mapping[str, bytes]) -> CommitId:
        """Commits exactly these files to the model's repo."""
        repo = self.repos.get(f"models/{model}", system=True)
        before = {entry.path for entry in repo.at().walk()} if repo.log().items else set()
        with repo.commit(message="trained") as commit:
            for path in before - {f"/{path}" for path in files}:
                commit.delete(path)
            for path, data in files.items():
                commit.put(f"/{path}", data)
        assert commit.id is not None
        return commit.id

    def register(self, model: str, number: int, commit: CommitId) -> None:
        """Makes the commit this version."""
        with self.catalog.write() as conn:
            self.registry.register(conn, model, number, commit)


def artifact(
    table: Table, *, trees: int, targets: Sequence[str], features: Sequence[str]
) -> dict[str, bytes]:
    """Returns the files of a version but for request, manifest and signature."""
    schema = Schema.infer({name: table[name] for name in features})
    files = {Layout.SCHEMA: schema.to_json()}
    for place, target in enumerate(targets):
        folder = target_folder(place, target)
        for path, data in _target_files(schema, table, target, trees).items():
            files[f"{folder}/{path}"] = data
    files[Layout.SCORES] = msgspec.json.encode({target: {"coverage": 0.9} for target in targets})
    source = {"repo": "parcels", "commit": "c" * 32, "path": "parcels.csv", "hash": "0" * 64}
    files[Layout.PROVENANCE] = msgspec.json.encode({"data": source, "request": "r" * 32, "code": "x"})
    files[Layout.REPORT] = b"<html></html>"
    return files


def _task(target: str) -> Any:
    return "classification" if target == "kind" else "regression"


def _target_files(schema: Schema, table: Table, target: str, trees: int) -> dict[str, bytes]:
    columns = schema.prepare({name: table[name] for name in schema.names})
    train = {name: values[TEST:] for name, values in columns.items()}
    transform = Transform.fit(schema, train)
    classes: tuple[str, ...] = ("long", "wide") if target == "kind" else ()
    labels = table[target] if not classes else (table[target] == classes[1]).astype(np.float64)
    model = _fit(
        transform.matrix(train), labels[TEST:], trees, "binary:logistic" if classes else "reg:squarederror"
    )
    info = TargetInfo(
        target=target,
        task=_task(target),
        algorithm="xgboost",
        params={"n_estimators": trees},
        features=schema.names,
        transform=transform,
        classes=classes,
        confidence=None if classes else IntervalCalibration(0.9, 2.0, ROWS - TEST, "validation"),
        rows=TargetRows(train=ROWS - TEST, validation=0, test=TEST),
    )
    return {
        "target.json": info.to_json(),
        "model.ubj": model,
        "test.parquet": _test_rows(schema, table, target),
    }


def _fit(matrix: NDArray[Any], labels: NDArray[Any], trees: int, objective: str) -> bytes:
    settings = {"objective": objective, "max_depth": 4, "learning_rate": 0.3, "nthread": 1, "seed": 0}
    booster = xgboost.train(settings, xgboost.DMatrix(matrix, labels), trees)
    return bytes(booster.save_raw(raw_format="ubj"))


def _test_rows(schema: Schema, table: Table, target: str) -> bytes:
    names = [*schema.names, "actual"]
    arrays = [pa.array(table[name][:TEST]) for name in (*schema.names, target)]
    sink = BytesIO()
    pq.write_table(pa.table(arrays, names=names), sink)
    return sink.getvalue()
