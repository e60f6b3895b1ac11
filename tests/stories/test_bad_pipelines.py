"""Pipelines that cannot be, and code that goes wrong: one clear error each, with the next step, and nothing lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import headwater as hw
from tests.stories.program import Command, Ended, commands_in, stop_workers
from tests.waiting import until

FILES = {"1.txt": "A fine film.", "2.txt": "Too long."}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Returns a folder whose workspace has two reviews; each test makes pipelines of its own names."""
    folder = tmp_path_factory.mktemp("bad-pipelines")
    with (
        hw.open(folder, create=True) as workspace,
        workspace.repo("reviews", create=True).commit("main") as commit,
    ):
        for name, text in FILES.items():
            commit.put(name, text)
    yield folder
    stop_workers(folder)


@pytest.fixture
def headwater(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    return commands_in(folder, monkeypatch, capfd)


def create(headwater: Command, spec: str, *, status: int = 0) -> Ended:
    """Creates a pipeline from a spec in YAML."""
    Path("spec.yaml").write_text(spec)
    return headwater("pipeline", "create", "-f", "spec.yaml", "--json", status=status)


def spec(name: str, command: str, *, repo: str = "reviews", glob: str = "/*", more: str = "") -> str:
    """Returns a spec that runs a line of shell on each review."""
    line = command.replace("'", "''")
    return f"""\
name: {name}
input: {{files: {{repo: {repo}, name: reviews, glob: "{glob}"}}}}
transform: {{command: [sh, -c, '{line}']}}
datum_tries: 1
{more}"""


COPY = 'cp "$HEADWATER_INPUT"/reviews/* "$HEADWATER_OUTPUT"/'


def is_nowhere(headwater: Command, name: str) -> bool:
    """Tells whether neither a pipeline nor a repo of this name was made."""
    listed = headwater("pipeline", "list", "--json").document["items"]
    repos = headwater("repo", "list", "--json").document["items"]
    return name not in [one["name"] for one in [*listed, *repos]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(
            spec("a", COPY, repo="revews"), ["'revews'", "'reviews'"], id="a repo that does not exist"
        ),
        pytest.param(
            spec("a", COPY, glob="/*.csv"), ["'/*.csv'", "reviews"], id="a glob that matches nothing"
        ),
        pytest.param(spec("a", COPY, repo="a"), ["a"], id="a pipeline that reads its own output"),
        pytest.param(
            spec("a", COPY, more="datum_trys: 3"), ["datum_trys", "'datum_tries'"], id="an unknown field"
        ),
        pytest.param(spec("a", COPY, glob="/(*"), ["/(*"], id="a glob that cannot be read"),
        pytest.param(
            spec("a", COPY, more="parallelism: -1"), ["parallelism", "-1"], id="a number out of range"
        ),
        pytest.param("name: a\ninput: {files: reviews}\n", ["transform"], id="nothing to run"),
        pytest.param("name: [", ["line 1"], id="no YAML"),
        pytest.param("", ["spec"], id="an empty file"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_before_anything_is_made(
    headwater: Command, text: str, says: list[str]
) -> None:
    ended = create(headwater, text, status=1)

    assert ended.out == ""
    assert all(one in ended.error["message"] + ended.error["hint"] for one in says), ended.error
    assert ended.error["hint"]
    assert is_nowhere(headwater, "a")


def test_a_job_of_a_pipeline_that_runs_for_ever_is_not_looked_for(headwater: Command) -> None:
    create(headwater, "name: producing\ntransform: {command: sleep 60}\nspout: {}\n")

    for words in (
        ("pipeline", "plan", "producing"),
        ("pipeline", "plan", "-f", "spec.yaml"),
        ("pipeline", "shell", "producing", "--datum", "0123456789ab"),
        ("pipeline", "tick", "producing"),
        ("job", "wait", "producing"),
    ):
        ended = headwater(*words, "--json", status=1)
        assert ended.error["message"] == "The pipeline 'producing' is a spout: it has a process, and no jobs."
        assert "headwater pipeline show producing" in ended.error["hint"]
    headwater("pipeline", "delete", "producing")


def test_a_table_of_jobs_counts_the_datums_that_failed_alike_and_names_some(headwater: Command) -> None:
    create(headwater, spec("all-bad", "exit 7"))
    failed = headwater("job", "wait", "all-bad", status=1).err

    told = headwater("job", "list", "--pipeline", "all-bad").out
    job = headwater("job", "list", "--pipeline", "all-bad", "--json").document["items"][0]["id"]
    datums = headwater("job", "datums", job).out

    assert len(told.splitlines()) == 2
    assert "2 datums: The command 'sh' ended with status 7." in told
    assert ", e.g. reviews:/1.txt, reviews:/2.txt" in told
    assert all(len(line.split()[0]) == 12 for line in datums.splitlines()[1:])
    assert failed.count("ended with status 7") == 1


def test_a_pipeline_where_a_job_was_meant_leads_to_its_jobs(headwater: Command) -> None:
    create(headwater, spec("not-a-job", COPY))

    told = {
        tuple(words): headwater(*words, status=1).err
        for words in (("job", "show", "not-a-job"), ("job", "logs", "not-a-job"))
    }

    for text in told.values():
        assert "It is a pipeline: `headwater job list --pipeline not-a-job`" in text


def test_a_worker_without_processes_is_refused(headwater: Command) -> None:
    assert "-3 datums cannot run at once" in headwater("worker", "--processes", "-3", status=1).err


def test_of_a_spec_that_holds_several_the_one_that_is_named_is_planned(headwater: Command) -> None:
    Path("two.yaml").write_text(f"{spec('planned-one', COPY)}---\n{spec('planned-two', COPY)}")

    planned = headwater("pipeline", "plan", "planned-two", "-f", "two.yaml").out
    unnamed = headwater("pipeline", "plan", "-f", "two.yaml", status=1).err
    missing = headwater("pipeline", "plan", "planned-tow", "-f", "two.yaml", status=1).err

    assert "planned-two: 2 of 2 datums would run" in planned
    assert "`headwater pipeline plan planned-one -f SPEC`" in unnamed
    assert "Did you mean 'planned-two'" in missing


def test_a_cycle_is_refused_with_the_way_it_goes(headwater: Command) -> None:
    create(headwater, spec("circle-one", COPY))
    create(headwater, spec("circle-two", COPY, repo="circle-one"))
    Path("spec.yaml").write_text(spec("circle-one", COPY, repo="circle-two"))

    ended = headwater("pipeline", "update", "-f", "spec.yaml", "--json", status=1)

    assert "circle-one" in ended.error["message"]
    assert "circle-two" in ended.error["message"]
    assert headwater("pipeline", "show", "circle-one", "--json").document["version"] == 1


@pytest.mark.parametrize(
    ("name", "command", "more", "says"),
    [
        pytest.param(
            "same-path",
            'echo x > "$HEADWATER_OUTPUT/same.txt"',
            "",
            ["same.txt", "1.txt", "2.txt"],
            id="two datums that write one path",
        ),
        pytest.param(
            "not-found", "exec no-such-program-here", "", ["no-such-program-here"], id="no such command"
        ),
        pytest.param(
            "hungry",
            'exec python3 -c "x = bytearray(10**9); print(len(x))"',
            "resources: {memory: 200MB}",
            ["memory"],
            id="one that eats memory",
        ),
        pytest.param("endless", "sleep 600", "datum_timeout: 500ms", ["0.5"], id="one that never ends"),
        pytest.param(
            "refusing",
            "echo I do not like it >&2; exit 3",
            "",
            ["3", "I do not like it"],
            id="one that fails",
        ),
    ],
)
def test_a_datum_that_goes_wrong_fails_its_job_and_is_named(
    headwater: Command, name: str, command: str, more: str, says: list[str]
) -> None:
    create(headwater, spec(name, command, more=more))

    ended = headwater("job", "wait", name, "--json", status=1)

    told = str(ended.error)
    assert all(one in told for one in says), ended.error
    assert "txt" in ended.error["message"]
    assert ended.error["hint"]
    [job] = headwater("job", "list", "--pipeline", name, "--json").document["items"]
    assert job["state"] == "failed"
    assert headwater("ls", f"{name}@main", "--json", status=1).error["kind"] == "ref-not-found"
    headwater("pipeline", "delete", name)


def test_a_command_that_is_no_program_is_named(headwater: Command) -> None:
    create(
        headwater,
        "name: missing\ninput: {files: {repo: reviews, glob: /*}}\ntransform: {command: [no-such-program]}\n",
    )

    ended = headwater("job", "wait", "missing", "--json", status=1)

    assert "no-such-program" in ended.error["message"]
    headwater("pipeline", "delete", "missing")


def test_a_path_that_leads_out_of_the_output_is_refused(headwater: Command) -> None:
    Path("climber.py").write_text(
        "import headwater as hw\n\n\n"
        '@hw.pipeline(input=hw.files("reviews", glob="/*"), datum_tries=1)\n'
        "def climber(reviews, out):\n"
        '    out.write("../escaped.txt", "x")\n'
    )
    headwater("pipeline", "create", "-f", "climber.py")

    ended = headwater("job", "wait", "climber", "--json", status=1)

    assert ".." in str(ended.error)
    headwater("pipeline", "delete", "climber")


def test_a_pipeline_deleted_under_a_running_job_ends_it_and_loses_nothing_else(headwater: Command) -> None:
    create(headwater, spec("sleeper", "sleep 600", more="parallelism: 1"))
    create(headwater, spec("worker-bee", COPY))

    def is_running() -> bool:
        [job] = headwater("job", "list", "--pipeline", "sleeper", "--json").document["items"]
        return bool(job["state"] == "running")

    headwater("job", "wait", "worker-bee")
    until(is_running, "the job to run")
    headwater("pipeline", "delete", "sleeper")
    headwater("put", "reviews@main:/1.txt", "-", stdin=b"A fine film.!")
    told = headwater("job", "wait", "worker-bee", "--json").document

    assert is_nowhere(headwater, "sleeper")
    assert told["state"] == "succeeded"
    assert headwater("check", "--fast").status == 0
