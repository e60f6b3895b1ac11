"""The image that a job runs in is the one that its fingerprint tells."""

from pathlib import Path

import pytest

from headwater.ids import JobId, SetId
from headwater.pipelines.engine import transform as module
from headwater.pipelines.engine.transform import TransformKind
from headwater.pipelines.kind import JobView, StoredCode
from headwater.pipelines.sets import Recipe
from headwater.pipelines.spec import OutputSpec, PipelineSpec, Transform
from headwater.storage import Storage, open_store
from tests.servers.postgres import fresh_catalog

IMAGE = "registry.example/words:latest"


@pytest.fixture
def kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TransformKind:
    """Gives the kind with a tool that says of each image what stands in a file."""
    tool = tmp_path / "podman"
    tool.write_text(f"#!/bin/sh\ncat {tmp_path}/id\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(module, "_FRESH_S", 0.0)
    catalog = fresh_catalog(f"sqlite:///{tmp_path}/catalog.db")
    return TransformKind(Storage(catalog, open_store(f"file:{tmp_path}/objects")))


def recipe(kind: TransformKind, job: str) -> Recipe:
    spec = PipelineSpec(
        name="words",
        kind="transform",
        input=None,
        output=OutputSpec("words"),
        transform=Transform(command=("wc", "-w"), image=IMAGE),
    )
    code = StoredCode(None, "", {"image": IMAGE})
    return kind.recipe_of(JobView(JobId(job), "words", spec, SetId("s"), "commit", {}, {}, None, code=code))


def test_a_job_runs_the_image_of_its_fingerprint_though_the_tag_moves_meanwhile(
    kind: TransformKind, tmp_path: Path
) -> None:
    (tmp_path / "id").write_text("1a2b\n")
    begun = recipe(kind, "1")
    (tmp_path / "id").write_text("3c4d\n")

    resumed, next_one = recipe(kind, "1"), recipe(kind, "2")

    assert (begun.image_id, resumed.image_id, next_one.image_id) == ("1a2b", "1a2b", "3c4d")
    assert begun.code_hash == resumed.code_hash != next_one.code_hash
