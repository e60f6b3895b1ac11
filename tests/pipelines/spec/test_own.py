"""Headwater's own form: what each field means, and every mistake at once with its place."""

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
    OutputSpec,
    PipelineSpec,
    Resources,
    Service,
    Spout,
    Transform,
    load,
    read_document,
)

SHORT: dict[str, Any] = {
    "name": "upper",
    "input": {"files": {"repo": "reviews", "glob": "/*"}},
    "transform": {"command": ["tr", "a-z", "A-Z"]},
}


def mistakes(document: dict[str, Any] | str) -> dict[str, str]:
    with pytest.raises(InvalidSpec) as caught:
        load(document)
    return {one["field"]: one["message"] for one in caught.value.details}


def test_a_short_spec_has_every_default() -> None:
    assert read_document(SHORT) == PipelineSpec(
        name="upper",
        kind="transform",
        input=FilesInput(name="reviews", repo="reviews", glob="/*"),
        output=OutputSpec("upper", "main"),
        transform=Transform(command=("tr", "a-z", "A-Z")),
    )


def test_inputs_for_input_is_taken_for_a_slip_not_for_another_form() -> None:
    told = mistakes({"name": "upper", "inputs": SHORT["input"], "transform": SHORT["transform"]})

    assert "'input'" in told["inputs"]
    assert set(told) == {"inputs", "input"}


def test_every_field_arrives() -> None:
    [loaded] = load(
        """
        name: score
        description: Scores reviews
        input:
          cross:
            - files: {repo: reviews@dev, glob: "/(*).txt", lazy: true, empty_files: true}
            - files: {repo: models/sentiment, branch: prod, reference: true}
            - files:
                name: old
                repo: reviews
                commit: 0123456789abcdef0123456789abcdef
                branch: archive
                trigger: {branch: staging, commits: 10, size: 1Gi, cron: "@daily", all: true}
        output: scores@nightly
        transform:
          command: [python, -m, score]
          stdin: |
            one
            two
          env: {MODE: fast, LEVEL: 1.50, YES: true}
          secrets: {KEY: env:API_KEY, CERT: file:/run/cert}
          image: python:3.12
          accept: [3]
          recovery: [cleanup]
          recovery_stdin: [a]
          packages: [numpy]
          working_folder: /app
        parallelism: 10
        datum_tries: 5
        datum_timeout: 30s
        job_timeout: 1h30m
        datum_set: {number: 100, size: 10M, per_worker: 4}
        resources: {cpu: 500m, memory: 2G, gpu: 1}
        reprocess: every_job
        egress: {url: env:WAREHOUSE, format: csv, columns: [a, b]}
        follow: false
        coalesce: false
        priority: -3
        metadata: {team: reviews}
        """
    )

    assert loaded.spec == PipelineSpec(
        name="score",
        kind="transform",
        description="Scores reviews",
        input=CrossInput(
            (
                FilesInput("reviews", "reviews", "dev", "/(*).txt", lazy=True, empty_files=True),
                FilesInput("sentiment", "models/sentiment", "prod", reference=True),
                FilesInput(
                    name="old",
                    repo="reviews",
                    branch="archive",
                    commit="0123456789abcdef0123456789abcdef",
                    trigger=BranchTrigger("staging", 10, 1 << 30, "@daily", all=True),
                ),
            )
        ),
        output=OutputSpec("scores", "nightly"),
        transform=Transform(
            command=("python", "-m", "score"),
            stdin=("one", "two"),
            env={"MODE": "fast", "LEVEL": "1.50", "YES": "true"},
            secrets={"KEY": "env:API_KEY", "CERT": "file:/run/cert"},
            image="python:3.12",
            accept=(3,),
            recovery=("cleanup",),
            recovery_stdin=("a",),
            packages=("numpy",),
            working_folder="/app",
        ),
        parallelism=10,
        datum_tries=5,
        datum_timeout_s=30,
        job_timeout_s=5_400,
        datum_set=DatumSet(100, 10_000_000, 4),
        resources=Resources(0.5, 2_000_000_000, 1),
        reprocess="every_job",
        egress=Egress("env:WAREHOUSE", "csv", ("a", "b")),
        follow=False,
        coalesce=False,
        priority=-3,
        metadata={"team": "reviews"},
    )


def test_a_line_with_signs_of_a_shell_gets_one_and_another_is_its_words() -> None:
    piped = read_document({**SHORT, "transform": {"command": "cat $reviews | wc -l\n"}})
    inner = read_document({**SHORT, "transform": {"command": "exit 3"}})
    plain = read_document({**SHORT, "transform": {"command": "wc  -l"}})

    assert piped.transform is not None
    assert piped.transform.command == ("sh", "-c", "cat $reviews | wc -l")
    assert inner.transform is not None
    assert inner.transform.command == ("sh", "-c", "exit 3")
    assert plain.transform is not None
    assert plain.transform.command == ("wc", "-l")


def test_a_clock_ticks_into_a_repo_of_the_pipelines_own() -> None:
    spec = read_document({**SHORT, "input": {"cron": {"schedule": "@daily", "start": "2026-03-01"}}})

    assert spec.input == CronInput("tick", "@daily", "upper-tick", "2026-03-01T00:00:00Z")


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [("spout", {}, "spout"), ("spout", {"overwrite": True}, "spout"), ("service", {"port": 8080}, "service")],
)
def test_the_kind_follows_from_what_is_there(field: str, value: Any, kind: str) -> None:
    document = {**SHORT, field: value}
    if kind == "spout":
        del document["input"]

    spec = read_document(document)

    assert spec.kind == kind
    assert spec.spout == (Spout(overwrite=bool(value)) if kind == "spout" else None)
    assert spec.service == (Service(8080) if kind == "service" else None)


def test_auto_and_nothing_are_the_same_parallelism() -> None:
    assert read_document({**SHORT, "parallelism": "auto"}) == read_document(SHORT)


def test_a_function_may_have_parameters_named_after_repos_with_dashes(tmp_path: Any) -> None:
    (tmp_path / "steps.py").write_text("def main(my_reviews, out): ...\n")

    [loaded] = load(
        {"name": "a", "input": {"files": "my-reviews"}, "transform": {"function": "steps:main"}},
        folder=tmp_path,
    )

    assert loaded.spec.input == FilesInput("my_reviews", "my-reviews")
    assert loaded.code is not None
    assert [file.path for file in loaded.code.files] == ["steps.py"]


@pytest.mark.parametrize(
    ("place", "document", "nearest"),
    [
        ("paralelism", {**SHORT, "paralelism": 1}, "'parallelism'"),
        ("datumTries", {**SHORT, "datumTries": 1}, "'datum_tries'"),
        ("transform.comand", {**SHORT, "transform": {"comand": "x"}}, "'command'"),
        ("input.files.repoo", {**SHORT, "input": {"files": {"repo": "a", "repoo": "b"}}}, "'repo'"),
        (
            "input.cross[1].files.brunch",
            {**SHORT, "input": {"cross": [{"files": "a"}, {"files": {"repo": "b", "brunch": "b"}}]}},
            "'branch'",
        ),
        (
            "input.cron.schedul",
            {**SHORT, "input": {"cron": {"schedule": "@daily", "schedul": 1}}},
            "'schedule'",
        ),
        ("resources.memry", {**SHORT, "resources": {"memry": 1}}, "'memory'"),
        ("egress.urll", {**SHORT, "egress": {"url": "a", "urll": 1}}, "'url'"),
        ("datum_set.nummer", {**SHORT, "datum_set": {"nummer": 1}}, "'number'"),
        ("output.rep", {**SHORT, "output": {"rep": "x"}}, "'repo'"),
    ],
)
def test_an_unknown_field_is_answered_with_the_nearest(
    place: str, document: dict[str, Any], nearest: str
) -> None:
    told = mistakes(document)[place]

    assert told.startswith("is not a field here.")
    assert nearest in told


def test_all_mistakes_of_all_documents_are_told_at_once_with_their_lines() -> None:
    text = """
name: first
input:
  cross:
    - files: {repo: a}
    - files: {repo: B_b, glob: "/[x"}
transform: {command: [a], datum_timeout: 3}
datum_timeout: soon
---
name: second
input: {files: {repo: a, glob: "/*"}}
transform: {command: [a]}
parallelism: many
"""

    with pytest.raises(InvalidSpec) as caught:
        load(text)

    found = [(one["field"], one["line"]) for one in caught.value.details]
    assert found == [
        ("document 1, transform.datum_timeout", 7),
        ("document 1, input.cross[1].files.repo", 6),
        ("document 1, datum_timeout", 8),
        ("document 1, input.cross[1].files.glob", 6),
        ("document 2, parallelism", 13),
    ]
    assert "5 mistakes" in caught.value.message
    assert "(line 8)" in caught.value.message


@pytest.mark.parametrize(
    ("change", "place", "told"),
    [
        ({"name": "Upper_Case"}, "name", "lower-case"),
        ({"name": None}, "name", "is missing"),
        ({"output": "a@b.c"}, "output", "no dot"),
        ({"output": "models/a"}, "output", "written by Headwater alone"),
        ({"output": "reviews"}, "input.files", "where the output goes"),
        ({"input": None}, "input", "is missing"),
        ({"input": {"files": {}}}, "input.files", "`repo` is missing"),
        ({"input": {"files": {"repo": "a", "glob": "/["}}}, "input.files.glob", "not closed"),
        ({"input": {"repo": "a"}}, "input", "write files: {repo: …}"),
        ({"input": {"files": "a", "cron": "@daily"}}, "input", "beside one another"),
        ({"input": {"cross": {"files": "a"}}}, "input.cross", "a list of inputs"),
        ({"input": {"cross": []}}, "input.cross", "at least one"),
        ({"input": {"cron": "sometimes"}}, "input.cron.schedule", "no schedule"),
        ({"input": {"files": {"repo": "a", "name": "out"}}}, "input.files.name", "'out'"),
        ({"input": {"files": {"repo": "a", "commit": "abc"}}}, "input.files.commit", "32 hexadecimal"),
        ({"input": {"files": {"repo": "a", "glob": "/(*)", "join_on": "$1"}}}, "input.files.join_on", "join"),
        (
            {"input": {"files": {"repo": "a", "trigger": {"branch": "main", "commits": 1}}}},
            "input.files.trigger",
            "the branch that is read",
        ),
        (
            {"input": {"files": {"repo": "a", "trigger": {"branch": "b"}}}},
            "input.files.trigger",
            "never fires",
        ),
        ({"input": {"join": [{"files": "a"}]}}, "input.join[0].files", "join_on"),
        ({"transform": None}, "transform", "is missing"),
        ({"transform": {}}, "transform", "is missing"),
        ({"transform": {"command": ["a"], "function": "a:b"}}, "transform", "choose one"),
        ({"transform": {"command": ["a"], "batch": 2}}, "transform.batch", "belongs to a `function`"),
        ({"transform": {"function": "a"}}, "transform.function", "`module:name`"),
        ({"transform": {"command": "  "}}, "transform.command", "is empty"),
        ({"transform": {"command": ["a", None]}}, "transform.command[1]", "not nothing"),
        ({"transform": {"command": ["a"], "env": {"A-B": "1"}}}, "transform.env.A-B", "variable"),
        ({"transform": {"command": ["a"], "secrets": {"K": "hunter2"}}}, "transform.secrets.K", "env:NAME"),
        ({"transform": {"command": ["a"], "accept": ["x"]}}, "transform.accept[0]", "whole number"),
        ({"parallelism": 0}, "parallelism", "less than 1"),
        ({"datum_tries": 0}, "datum_tries", "less than 1"),
        ({"datum_timeout": 0}, "datum_timeout", "above 0"),
        ({"datum_timeout": float("inf")}, "datum_timeout", "above 0"),
        ({"resources": {"memory": "lots"}}, "resources.memory", "512M"),
        ({"resources": {"cpu": -1}}, "resources.cpu", "less than 0"),
        ({"reprocess": "until_sucess"}, "reprocess", "'until_success'"),
        ({"egress": {}}, "egress", "`url` is missing"),
        ({"egress": {"url": "a", "format": "xml"}}, "egress.format", "csv, json, parquet"),
        ({"service": {"port": 70_000}}, "service", "no port"),
        ({"spout": {}}, "input.files", "no input"),
        ({"kind": "train"}, "kind", "headwater train"),
        ({"follow": "maybe"}, "follow", "true or false"),
        ({"metadata": ["a"]}, "metadata", "a mapping"),
        ({"description": ["a"]}, "description", "a text"),
    ],
)
def test_a_mistake_has_its_place_and_says_what_is_expected(
    change: dict[str, Any], place: str, told: str
) -> None:
    found = mistakes({**SHORT, **change})

    assert list(found) == [place]
    assert told in found[place]


def test_an_input_that_would_take_the_name_of_a_variable_is_told_with_all_others() -> None:
    names = ["PATH", "HEADWATER_DATUM", "words", "TOKEN", "a", "a_COMMIT", "b", "fine"]
    crossed = [{"files": {"repo": "reviews", "name": name, "glob": "/*"}} for name in names]
    transform = {
        "command": "cat $fine",
        "env": {"words": "10", "b_COMMIT": "1"},
        "secrets": {"TOKEN": "env:TOKEN"},
    }

    with pytest.raises(InvalidSpec) as caught:
        load({"name": "count", "input": {"cross": crossed}, "transform": transform})

    told = [one["message"] for one in caught.value.details]
    assert [one.partition(", which ")[2].partition(":")[0] for one in told] == [
        "has a meaning of its own",
        *["has a meaning of its own"] * 2,  # its commit too
        "is a variable of `env`",
        "is a variable of `secrets`",
        "is the place of the input 'a_COMMIT'",
        "is a variable of `env`",
    ]
    assert "'PATH' would be in $PATH" in told[0]
    assert "'b' would be in $b_COMMIT" in told[-1]


def test_the_inputs_of_a_service_have_different_names_in_a_union_too() -> None:
    union = {"union": [{"files": {"repo": repo, "name": "data", "glob": "/*"}} for repo in ("old", "new")]}
    spec = {"name": "answers", "input": union, "transform": {"command": "python serve.py"}}

    told = mistakes({**spec, "service": {"port": 8080}})

    assert "old@main and new@main have the name 'data'; a service sees all" in told["input"]
    assert read_document(spec).kind == "transform"


def test_the_parameter_of_a_function_may_be_called_like_a_variable() -> None:
    read_document(
        {
            "name": "count",
            "input": {"files": {"repo": "reviews", "name": "HOME", "glob": "/*"}},
            "transform": {"function": "steps:main"},
        }
    )


def test_a_secret_that_is_written_out_is_not_repeated() -> None:
    with pytest.raises(InvalidSpec) as caught:
        load({**SHORT, "transform": {"command": ["a"], "secrets": {"KEY": "hunter2"}}})

    assert "hunter2" not in str(caught.value) + str(caught.value.details)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("name: [", "line 1"),
        ('{"name": "a" "b"}', "line 1, column"),
        ('{"name": "a", "name": "b"}', "'name' stands twice"),
        ("name: a\nname: b\n", "'name' stands twice"),
        ("a: &x 1\nb: *x\n", "aliases"),
        ("!!python/object:os.system {}\n", "constructor"),
        ("[" * 5_000 + "]" * 5_000, "nested too deeply"),
        ("- 1\n", "a mapping of fields"),
    ],
)
def test_a_text_that_cannot_be_read_says_why(text: str, told: str) -> None:
    with pytest.raises(InvalidSpec, match=told):
        load(text.encode())
