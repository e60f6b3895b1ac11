"""Commands about jobs: look at them, wait for them, read what their datums printed."""

from typing import Annotated

from cyclopts import App, Parameter

from headwater.cli import output
from headwater.cli.opening import open_here

job = App(name="job", help="List, show and cancel jobs, wait for them, see their datums and logs")

Flag = Parameter(negative=())


@job.command(name="list")
def list_jobs(
    *, pipeline: str | None = None, state: str | None = None, limit: int = 50, cursor: str | None = None
) -> None:
    """List jobs, newest first

    Example:
        headwater job list --pipeline sentiment --state failed

    Args:
        pipeline: Only those of this pipeline
        state: Only those in this state, such as running or failed
        limit: At most so many
        cursor: Go on behind the page that gave this as `next`
    """
    with open_here() as workspace:
        output.show(workspace.jobs.list(pipeline=pipeline, state=state, limit=limit, cursor=cursor))


@job.command(name="show")
def show_job(id: str) -> None:
    """Show a job: what it reads, how far it is, and what went wrong

    Example:
        headwater job show 3f9c5a01

    Args:
        id: Its id, or the beginning of it
    """
    with open_here() as workspace:
        output.show(workspace.jobs.get(id))


@job.command(name="wait")
def wait_for(what: str, /, *more: str) -> None:
    """Wait for jobs, or for all that commits have caused; fails as soon as one of them has

    Example:
        headwater job wait reviews@main

    Args:
        what: A job, a pipeline for its newest job, a commit, a commit set, or a ref such as REPO@BRANCH
        more: Others, to wait for all of them
    """
    with open_here() as workspace:
        with output.progress() as progress:
            jobs = workspace.jobs
            ended = (
                jobs.wait_all(what, *more, progress=progress) if more else jobs.wait(what, progress=progress)
            )
        output.show(ended)


@job.command(name="logs")
def show_logs(
    id: str | None = None,
    *,
    pipeline: str | None = None,
    datum: str | None = None,
    grep: str | None = None,
    follow: Annotated[bool, Flag] = False,
    failed: Annotated[bool, Flag] = False,
) -> None:
    """Show what the code of a job's datums printed

    Example:
        headwater job logs --pipeline sentiment --failed

    Args:
        id: The job, or the beginning of its id
        pipeline: The newest job of this pipeline instead
        datum: Only this datum, by its key or the beginning of it
        grep: Only lines that hold this text
        follow: Go on until the job has ended
        failed: Only datums that failed
    """
    with open_here() as workspace:
        output.show(
            workspace.jobs.logs(id, pipeline=pipeline, datum=datum, grep=grep, follow=follow, failed=failed)
        )


@job.command(name="cancel")
def cancel_job(id: str) -> None:
    """Cancel a job that has not ended; what its datums have made so far is dropped

    Example:
        headwater job cancel 3f9c5a01

    Args:
        id: Its id, or the beginning of it
    """
    with open_here() as workspace:
        output.show(workspace.jobs.cancel(id))


@job.command(name="datums")
def list_datums(id: str, *, state: str | None = None, all: Annotated[bool, Flag] = False) -> None:
    """List the datums that a job has run, or all that its result consists of

    Example:
        headwater job datums 3f9c5a01 --state failed

    Args:
        id: The job, or the beginning of its id
        state: Only those in this state: succeeded, failed, recovered or running
        all: Also those that earlier jobs have run and this one kept
    """
    with open_here() as workspace:
        output.show(workspace.jobs.datums(id, state=state, is_all=all))
