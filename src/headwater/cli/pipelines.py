"""Commands about pipelines: make them, look at them, see what would run, and run it."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from headwater.cli import output
from headwater.cli.opening import open_here
from headwater.cli.pairs import pairs_of

pipeline = App(name="pipeline", help="Create, update, plan, run, pause and delete pipelines")

Files = Annotated[
    list[Path],
    Parameter(name=["--file", "-f"], consume_multiple=True, negative=(), help="YAML, JSON or Python"),
]
Flag = Parameter(negative=())
_SHOWN = 12
Code = Annotated[str | None, Parameter(help="The folder of the code, instead of what the spec says")]
AllowEmpty = Annotated[
    bool, Parameter(negative=(), help="Also where a glob matches nothing of what is there")
]
Local = Annotated[bool, Parameter(negative=(), help="Leave out images: commands run on the worker itself")]


@pipeline.command(name="create")
def create_pipeline(
    *, file: Files, code: Code = None, local: Local = False, allow_empty: AllowEmpty = False
) -> None:
    """Create pipelines from one or more files; a file may hold several

    Example:
        headwater pipeline create -f sentiment.yaml

    Args:
        file: YAML, JSON or Python; Pachyderm's own specs too
    """
    with open_here() as workspace:
        created = workspace.pipelines.create_all(
            *file, code=code, local=local, allow_empty=allow_empty, hear=output.note
        )
        output.show(created)


@pipeline.command(name="update")
def update_pipeline(
    *,
    file: Files,
    reprocess: Annotated[bool, Flag] = False,
    code: Code = None,
    local: Local = False,
    allow_empty: AllowEmpty = False,
) -> None:
    """Give pipelines a new version; only what the change touches runs again

    Example:
        headwater pipeline update -f sentiment.yaml

    Args:
        file: YAML, JSON or Python
        reprocess: Run every datum again, whatever is remembered
    """
    with open_here() as workspace:
        updated = workspace.pipelines.update_all(
            *file,
            reprocess=reprocess,
            code=code,
            local=local,
            allow_empty=allow_empty,
            hear=output.note,
        )
        output.show(updated)


@pipeline.command(name="list")
def list_pipelines(*, tree: Annotated[bool, Flag] = False) -> None:
    """List the pipelines of the workspace

    Example:
        headwater pipeline list --tree

    Args:
        tree: Show what feeds what instead, from the repos that come from outside downwards
    """
    with open_here() as workspace:
        found = workspace.pipelines.list()
    if tree and not output.options().as_json:
        from headwater.api.graph import tree_lines

        output.show(tree_lines(found.items))
    else:
        output.show(found)


@pipeline.command(name="show")
def show_pipeline(name: str, *, spec: Annotated[bool, Flag] = False) -> None:
    """Show a pipeline: what it reads and writes, its version, its last job

    Example:
        headwater pipeline show sentiment --spec

    Args:
        name: The pipeline
        spec: Its whole spec instead, as YAML
    """
    with open_here() as workspace:
        if spec:
            output.show_yaml(workspace.pipelines.spec(name))
        else:
            output.show(workspace.pipelines.get(name))


@pipeline.command(name="pause")
def pause_pipeline(name: str) -> None:
    """Let a pipeline, and what is downstream of it, start no more jobs

    Example:
        headwater pipeline pause sentiment

    Args:
        name: The pipeline
    """
    with open_here() as workspace:
        output.show(workspace.pipelines.pause(name))


@pipeline.command(name="resume")
def resume_pipeline(name: str) -> None:
    """Let a paused pipeline go on, with what has come meanwhile

    Example:
        headwater pipeline resume sentiment

    Args:
        name: The pipeline
    """
    with open_here() as workspace:
        output.show(workspace.pipelines.resume(name))


@pipeline.command(name="rerun")
def rerun_pipeline(name: str, *, reprocess: Annotated[bool, Flag] = False) -> None:
    """Start a job at the present heads of the inputs; what failed before is tried again

    Example:
        headwater pipeline rerun sentiment --reprocess

    Args:
        name: The pipeline
        reprocess: Run every datum again, whatever is remembered
    """
    with open_here() as workspace:
        output.show(workspace.pipelines.rerun(name, reprocess=reprocess))


@pipeline.command(name="run")
def run_pipeline(
    name: str,
    *,
    at: Annotated[list[str] | None, Parameter(negative=())] = None,
    branch: str | None = None,
) -> None:
    """Run a pipeline on other commits than the newest; the result gets a branch of its own

    Example:
        headwater pipeline run inference --at reviews=reviews@main^ --branch last-week

    Args:
        name: The pipeline
        at: What an input reads, as --at INPUT=REF; other inputs read what they always do
        branch: The branch of the output repo that gets the result; a new one, which the answer names, when absent
    """
    with open_here() as workspace:
        started = workspace.pipelines.run(
            name, at=pairs_of(at, "inputs", form="--at INPUT=REF"), branch=branch
        )
        output.show(started)
        output.note(
            f"The result goes to {started.output}: `headwater job wait {started.id[:_SHOWN]}` waits for it, "
            f"`headwater ls {started.output}` lists it."
        )


@pipeline.command(name="tick")
def tick_pipeline(name: str) -> None:
    """Let the clock of a pipeline's cron input tick now

    Example:
        headwater pipeline tick nightly

    Args:
        name: The pipeline
    """
    with open_here() as workspace:
        output.show(workspace.pipelines.tick(name))


@pipeline.command(name="delete")
def delete_pipeline(
    name: str, *, keep_repo: Annotated[bool, Flag] = False, force: Annotated[bool, Flag] = False
) -> None:
    """Delete a pipeline, its jobs, and the repo of its results

    Example:
        headwater pipeline delete sentiment --keep-repo

    Args:
        name: The pipeline
        keep_repo: Leave the repo of its results
        force: Also where other pipelines read its results, or commits were made of them
    """
    with open_here() as workspace:
        output.show(workspace.pipelines.delete(name, keep_repo=keep_repo, force=force))


@pipeline.command(name="plan")
def plan_pipeline(
    name: str | None = None,
    *,
    file: Annotated[Path | None, Parameter(name=["--file", "-f"])] = None,
    rows: Annotated[bool, Flag] = False,
    code: Code = None,
    local: Local = False,
) -> None:
    """Show how many datums would run now, and why, without running any

    Example:
        headwater pipeline plan sentiment --rows

    Args:
        name: The pipeline
        file: A spec instead, of a pipeline that need not exist; of several in it, the one that is named
        rows: List the datums, each with its reason
    """
    with open_here() as workspace:
        if rows:
            output.show(workspace.pipelines.plan_rows(name, file=file, code=code, local=local))
        else:
            output.show(workspace.pipelines.plan(name, file=file, code=code, local=local))


@pipeline.command(name="shell")
def open_shell(
    name: str, /, *command: Annotated[str, Parameter(allow_leading_hyphen=True)], datum: str
) -> int:
    """Open a shell where a datum's code runs: its inputs laid out, its environment set; leaving removes it

    Example:
        headwater pipeline shell sentiment --datum 3f9c5a01

    Args:
        name: The pipeline
        command: A command to run there instead of a shell, behind --
        datum: The datum's key or the beginning of it; `headwater job datums` shows keys
    """
    with open_here() as workspace, workspace.pipelines.shell(name, datum) as place:
        output.note(place.told)
        return place.run(command)
