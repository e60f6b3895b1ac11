"""Specs that were written for Pachyderm load as they are, those of both eras."""

import json
from pathlib import Path
from typing import Any

import pytest

from headwater.pipelines.errors import InvalidSpec
from headwater.pipelines.spec import (
    BranchTrigger,
    CronInput,
    CrossInput,
    DatumSet,
    Egress,
    FilesInput,
    GroupInput,
    JoinInput,
    OutputSpec,
    PipelineSpec,
    Resources,
    Service,
    Spout,
    Transform,
    UnionInput,
    load,
    read_document,
)

TRAIN = (
    "python",
    "examples/imdb/train.py",
    "-f",
    "/pfs/training/labeledTrainData.tsv",
    "-e",
    "2",
    "-eval",
    "1",
)
INFER = ("python", "examples/imdb/auto_inference.py", "--model_weights", "/pfs/model/imdb.p")

FIRST_ERA = [
    {
        "pipeline": {"name": "model"},
        "transform": {"image": "kaixhin/neon", "cmd": list(TRAIN)},
        "inputs": [{"repo": {"name": "training"}, "glob": "/"}],
    },
    {
        "pipeline": {"name": "inference"},
        "transform": {"image": "dwhitena/neon-inference", "cmd": list(INFER)},
        "parallelism_spec": {"strategy": "CONSTANT", "constant": "1"},
        "inputs": [
            {"repo": {"name": "reviews"}, "glob": "/*"},
            {"repo": {"name": "model"}, "glob": "/"},
        ],
    },
]
LATER_ERA = [
    {
        "pipeline": {"name": "model"},
        "description": "Trains",
        "transform": {"image": "kaixhin/neon", "cmd": list(TRAIN)},
        "parallelismSpec": {"constant": 1},
        "input": {"pfs": {"repo": "training", "glob": "/"}},
    },
    {
        "pipeline": {"name": "inference"},
        "transform": {"image": "dwhitena/neon-inference", "cmd": list(INFER)},
        "parallelismSpec": {"constant": "2"},
        "input": {
            "cross": [
                {"pfs": {"repo": "reviews", "glob": "/*"}},
                {"pfs": {"repo": "model", "glob": "/"}},
            ]
        },
    },
]
SHORT: dict[str, Any] = {
    "pipeline": {"name": "edges"},
    "input": {"pfs": {"repo": "images", "glob": "/*"}},
    "transform": {"cmd": ["python3", "/edges.py"], "image": "pachyderm/opencv"},
}
REVIEWS_AND_MODEL = CrossInput(
    (FilesInput("reviews", "reviews", glob="/*"), FilesInput("model", "model", glob="/"))
)


def mistakes(document: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidSpec) as caught:
        load(document)
    return {one["field"]: one["message"] for one in caught.value.details}


@pytest.mark.parametrize(("era", "workers"), [(FIRST_ERA, 1), (LATER_ERA, 2)], ids=["first", "later"])
def test_the_sentiment_example_loads_from_one_file_of_several_objects(
    era: list[dict[str, Any]], workers: int, tmp_path: Path
) -> None:
    (tmp_path / "pipeline.json").write_text("\n".join(json.dumps(one, indent="\t") for one in era))

    model, inference = (one.spec for one in load(tmp_path / "pipeline.json"))

    assert model.input == FilesInput("training", "training", glob="/")
    assert model.output == OutputSpec("model")
    assert model.reprocess == "until_success"
    assert inference.input == REVIEWS_AND_MODEL
    assert inference.parallelism == workers
    assert inference.transform == Transform(command=INFER, image="dwhitena/neon-inference")


def test_an_array_of_specs_is_as_many_specs() -> None:
    assert [one.spec.name for one in load(json.dumps(LATER_ERA))] == ["model", "inference"]


def test_snake_and_camel_case_are_the_same() -> None:
    snake = {
        "pipeline": {"name": "a"},
        "input": {"pfs": {"repo": "b", "glob": "/*", "empty_files": True}},
        "transform": {"cmd": ["a"], "err_cmd": ["b"], "accept_return_code": [7]},
        "datum_timeout": "30s",
        "datum_set_spec": {"size_bytes": "1M"},
        "resource_limits": {"memory": "64Mi"},
    }
    camel = {
        "pipeline": {"name": "a"},
        "input": {"pfs": {"repo": "b", "glob": "/*", "emptyFiles": True}},
        "transform": {"cmd": ["a"], "errCmd": ["b"], "acceptReturnCode": [7]},
        "datumTimeout": "30s",
        "datumSetSpec": {"sizeBytes": "1M"},
        "resourceLimits": {"memory": "64Mi"},
    }

    assert read_document(camel) == read_document(snake)


def test_every_field_that_can_be_honoured_is() -> None:
    spec = read_document(
        {
            "pipeline": {"name": "score", "project": {"name": "default"}},
            "description": "Scores",
            "metadata": {"annotations": {"a": "1"}, "labels": {"b": "2"}},
            "transform": {
                "image": "x:1",
                "cmd": ["bash"],
                "stdin": ["one", "two"],
                "env": {"A": 1},
                "err_cmd": ["true"],
                "err_stdin": ["x"],
                "accept_return_code": ["3", 4],
                "working_dir": "/app",
                "secrets": {"KEY": "env:KEY"},
                "code": "src",
            },
            "input": {
                "union": [
                    {"join": [{"pfs": {"repo": "a", "glob": "/(*)", "join_on": "$1", "outer_join": True}}]},
                    {"group": [{"pfs": {"repo": "b", "glob": "/(*)", "group_by": "$1", "lazy": True}}]},
                    {"pfs": {"repo": "c", "branch": "dev", "glob": "/", "reference": True, "name": "seen"}},
                    {"cron": {"name": "tick", "spec": "@every 10s", "overwrite": True}},
                    {
                        "pfs": {
                            "repo": "d",
                            "glob": "/",
                            "trigger": {"branch": "staging", "rate_limit_spec": "@hourly", "size": "1K"},
                        }
                    },
                ]
            },
            "parallelism_spec": {"constant": "4"},
            "output_branch": "nightly",
            "egress": {"URL": "s3://bucket/there"},
            "datum_set_spec": {"number": "5", "per_worker": 2},
            "datum_tries": "4",
            "datum_timeout": "1h30m",
            "job_timeout": "2h",
            "reprocess_spec": "every_job",
            "resource_requests": {"cpu": "500m", "memory": "1G"},
            "resource_limits": {"memory": "2G", "gpu": {"type": "nvidia.com/gpu", "number": 1}},
        }
    )

    assert spec == PipelineSpec(
        name="score",
        kind="transform",
        description="Scores",
        metadata={"a": "1", "b": "2"},
        transform=Transform(
            image="x:1",
            command=("bash",),
            stdin=("one", "two"),
            env={"A": "1"},
            recovery=("true",),
            recovery_stdin=("x",),
            accept=(3, 4),
            working_folder="/app",
            secrets={"KEY": "env:KEY"},
            code="src",
        ),
        input=UnionInput(
            (
                JoinInput((FilesInput("a", "a", glob="/(*)", join_on="$1", outer_join=True),)),
                GroupInput((FilesInput("b", "b", glob="/(*)", group_by="$1", lazy=True),)),
                FilesInput("seen", "c", "dev", reference=True),
                CronInput("tick", "@every 10s", "score-tick", overwrite=True),
                FilesInput("d", "d", trigger=BranchTrigger("staging", size=1_000, cron="@hourly")),
            )
        ),
        parallelism=4,
        output=OutputSpec("score", "nightly"),
        egress=Egress("s3://bucket/there"),
        datum_set=DatumSet(number=5, per_worker=2),
        datum_tries=4,
        datum_timeout_s=5_400,
        job_timeout_s=7_200,
        reprocess="every_job",
        resources=Resources(0.5, 2_000_000_000, 1),
    )


@pytest.mark.parametrize(
    ("egress", "expected"),
    [
        ({"object_storage": {"url": "s3://b"}}, Egress("s3://b")),
        (
            {
                "sql_database": {
                    "url": "env:WAREHOUSE",
                    "file_format": {"type": "CSV", "columns": ["a"]},
                }
            },
            Egress("env:WAREHOUSE", "csv", ("a",)),
        ),
        (
            {"sqlDatabase": {"url": "sqlite:////x", "fileFormat": {"type": "PARQUET"}}},
            Egress("sqlite:////x", "parquet"),
        ),
    ],
)
def test_an_egress_goes_to_a_bucket_or_a_database(egress: dict[str, Any], expected: Egress) -> None:
    assert read_document({**SHORT, "egress": egress}).egress == expected


def test_spouts_and_services_are_kinds() -> None:
    spout = read_document(
        {"pipeline": {"name": "a"}, "spout": {"overwrite": True}, "transform": {"cmd": ["a"]}}
    )
    service = read_document({**SHORT, "service": {"internal_port": 8888, "external_port": 30888}})

    assert (spout.kind, spout.spout, spout.input) == ("spout", Spout(overwrite=True), None)
    assert (service.kind, service.service) == ("service", Service(8888))


def test_names_that_repos_cannot_have_are_adopted_and_told() -> None:
    [loaded] = load(
        {
            "pipeline": {"name": "word_Count"},
            "input": {"pfs": {"repo": "raw_text", "glob": "/*", "branch": "master"}},
            "transform": {"cmd": ["a"]},
        }
    )

    assert loaded.spec.name == "word-count"
    assert loaded.spec.input == FilesInput("raw_text", "raw-text", "main", "/*")
    assert any("'word_Count' is called 'word-count' here" in note for note in loaded.notes)
    assert any("`master`" in note for note in loaded.notes)


@pytest.mark.parametrize(
    "field",
    [
        {"autoscaling": True},
        {"standby": True},
        {"pod_patch": "[]"},
        {"schedulingSpec": {"node_selector": {}}},
        {"enable_stats": True},
        {"cache_size": "64M"},
        {"salt": "x"},
        {"sidecarResourceLimits": {"cpu": 1}},
    ],
)
def test_a_field_that_has_no_effect_here_is_noted(field: dict[str, Any]) -> None:
    [loaded] = load({**SHORT, **field})

    assert len(loaded.notes) == 1
    assert loaded.notes[0].startswith(f"{next(iter(field))}: ")


def test_a_coefficient_means_auto_and_is_noted() -> None:
    [loaded] = load({**SHORT, "parallelism_spec": {"coefficient": 1.5}})

    assert loaded.spec.parallelism == 0
    assert "`auto`" in loaded.notes[0]


@pytest.mark.parametrize(
    ("change", "place", "told"),
    [
        ({"s3_out": True}, "s3_out", "egress"),
        ({"tfJob": {"a": 1}}, "tfJob", "TensorFlow"),
        ({"determined": {"a": 1}}, "determined", "Determined"),
        ({"dry_run": True}, "dry_run", "pipeline plan"),
        ({"transform": {"cmd": ["a"], "datum_batching": True}}, "transform.datum_batching", "`batch`"),
        ({"transform": {"cmd": ["a"], "secrets": [{"name": "s"}]}}, "transform.secrets", "env:NAME"),
        ({"input": {"pfs": {"repo": "a", "s3": True}}}, "input.pfs.s3", "gateway"),
        ({"input": {"git": {"URL": "x"}}}, "input.git", "headwater put"),
        ({"input": {"pfs": {"repo": "a", "project": "b"}}}, "input.pfs.project", "workspace"),
        ({"pipeline": {"name": "a", "project": {"name": "b"}}}, "pipeline.project", "workspace"),
        ({"input": {"pfs": {"repo": "a", "propagation_spec": {"never": True}}}}, "input.pfs.propagation_spec", "follow: false"),
        ({"egress": {"sql_database": {"url": "a", "secret": {"name": "x"}}}}, "egress.sql_database.secret", "env:NAME"),
        ({"spout": {"marker": "x"}, "input": None}, "spout.marker", "commit its state"),
        ({"parallelism_spec": {"constant": "many"}}, "parallelism_spec.constant", "whole number"),
        ({"parallelism_spec": {"strategy": "RANDOM"}}, "parallelism_spec.strategy", "CONSTANT"),
        ({"datumTimeout": "soon"}, "datumTimeout", "1h30m"),
        ({"reprocess_spec": "sometimes"}, "reprocess_spec", "until_success"),
        ({"paralelism_spec": {"constant": 1}}, "paralelism_spec", "'parallelism_spec'"),
        ({"input": {"pfs": {"repo": "a", "globb": "/"}}}, "input.pfs.globb", "'glob'"),
        ({"input": {"cross": [{"pfs": {"repo": "a", "glob": "/["}}, {"pfs": {"repo": "b"}}]}}, "input.cross[0].pfs.glob", "not closed"),
        ({"input": None, "inputs": [{"repo": {"name": "a"}}, {"repo": {"name": "b"}, "glob": "/["}]}, "inputs[1].glob", "not closed"),
        ({"pipeline": {}}, "pipeline", "`name` is missing"),
        ({"datum_tries": 2, "datumTries": 3}, "datumTries", "stands beside"),
        ({"inputs": []}, "inputs", "beside `input`"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_named_with_what_to_use(change: dict[str, Any], place: str, told: str) -> None:
    found = mistakes({**SHORT, **change})

    assert list(found) == [place]
    assert told in found[place]


def test_an_image_is_left_out_where_the_machine_itself_is_meant() -> None:
    [loaded] = load(SHORT, local=True)

    assert loaded.spec.transform == Transform(command=("python3", "/edges.py"))


def test_the_folder_of_the_code_may_be_named_beside_a_spec_that_does_not(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "edges.py").write_text("")
    (tmp_path / "edges.json").write_text(json.dumps(SHORT))

    [loaded] = load(tmp_path / "edges.json", code="scripts", local=True)

    assert loaded.code is not None
    assert [file.path for file in loaded.code.files] == ["edges.py"]
