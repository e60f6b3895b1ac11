"""Commands about models, their versions and the environments they are in."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from headwater.cli import output
from headwater.cli.opening import open_here

model = App(name="model", help="List and show models and their versions")
env = App(name="env", help="Create and list environments")


@model.command(name="list")
def list_models() -> None:
    """List the models of the workspace

    Example:
        headwater model list
    """
    with open_here() as workspace:
        output.show(workspace.models())


@model.command(name="show")
def show_model(ref: str) -> None:
    """Show a version of a model: how it was made and how well it does

    Example:
        headwater model show iris@prod

    Args:
        ref: MODEL (its newest version), MODEL@VERSION or MODEL@ENVIRONMENT
    """
    with open_here() as workspace:
        output.show(workspace.model(ref).info())


@model.command(name="versions")
def list_versions(name: str, *, limit: int = 50, cursor: str | None = None) -> None:
    """List the versions of a model, newest first

    Example:
        headwater model versions iris

    Args:
        name: The model
        limit: At most so many
        cursor: Go on behind the page that gave this as `next`
    """
    with open_here() as workspace:
        output.show(workspace.versions(name, limit=limit, cursor=cursor))


@model.command(name="report")
def report(ref: str, *, to: Annotated[Path, Parameter(name=["--to", "-o"])]) -> None:
    """Write a version's report, one HTML page, to a file

    Example:
        headwater model report iris@prod -o iris.html

    Args:
        ref: MODEL@VERSION or MODEL@ENVIRONMENT
        to: The file to write
    """
    with open_here() as workspace:
        output.show(str(workspace.model(ref).write_report(to)))


@env.command(name="create")
def create_environment(name: str, *, before: str | None = None) -> None:
    """Create an environment

    Example:
        headwater env create canary --before prod

    Args:
        name: What it is called
        before: The environment that it comes in front of; the last when absent
    """
    with open_here() as workspace:
        output.show(workspace.create_environment(name, before=before))


@env.command(name="list")
def list_environments() -> None:
    """List environments, in the order in which versions pass through them

    Example:
        headwater env list
    """
    with open_here() as workspace:
        output.show(workspace.environments())


def promote(ref: str, environment: str) -> None:
    """Bring a version into an environment, through its gates

    Example:
        headwater promote iris@7 staging

    Args:
        ref: MODEL@VERSION
        environment: Where it is to go
    """
    with open_here() as workspace:
        output.show(workspace.promote(ref, environment))


def rollback(name: str, environment: str) -> None:
    """Bring an environment back to the version before

    Example:
        headwater rollback iris prod

    Args:
        name: The model
        environment: Which environment
    """
    with open_here() as workspace:
        output.show(workspace.rollback(name, environment))


def predict(
    ref: str,
    *,
    input: Annotated[str, Parameter(name=["--input", "-i"], allow_leading_hyphen=True)],
    target: Annotated[list[str] | None, Parameter(name="--target")] = None,
) -> None:
    """Predict the rows of a file with a model version

    Example:
        headwater predict iris@prod --input rows.csv

    Args:
        ref: MODEL@VERSION or MODEL@ENVIRONMENT
        input: A JSON, CSV or Parquet file, or - for JSON on stdin
        target: Only this target; may be given several times
    """
    with open_here() as workspace:
        output.show(workspace.model(ref).predict_file(input, targets=target))
