"""Whether a spec fits the workspace: what it reads is there, what it writes is free, and nothing goes in a circle.

All mistakes are found before anything is written, and told at once. What can
be seen in a spec alone was looked at when it was read.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from headwater.errors import NotFound, did_you_mean
from headwater.pipelines import egress, pipeline_store
from headwater.pipelines.dag import crons_of, readers_of, schedule_of
from headwater.pipelines.errors import InvalidSchedule, InvalidSpec
from headwater.pipelines.spec import FilesInput, PipelineSpec
from headwater.pipelines.store import PipelineRow
from headwater.repos import Commit, Repos, is_protected

Mistake = dict[str, Any]
# Kinds of the floors above, which write the repos that nobody else may.
_OF_SYSTEM = ("train",)


def check(
    conn: Connection, repos: Repos, spec: PipelineSpec, *, own: PipelineRow | None, allow_empty: bool
) -> None:
    """Makes sure that a spec can become a pipeline, or a new version of its own.

    Args:
        conn: The transaction that writes it.
        repos: What it reads and writes.
        spec: What is to be.
        own: The pipeline that gets a new version; none for a new one.
        allow_empty: Whether a glob may match nothing of what is there.

    Raises:
        InvalidSpec: It does not fit; `details` names each mistake.
    """
    found = [*_inputs(conn, repos, spec, allow_empty=allow_empty), *_clocks(conn, repos, spec, own)]
    found += [*_output(conn, repos, spec, own), *_circle(conn, spec), *_egress(spec)]
    if not found:
        return
    lines = [f"{one['field']}: {one['message']}" for one in found]
    message = f"The pipeline {spec.name!r} cannot be: {lines[0]}"
    if len(lines) > 1:
        message = "\n- ".join([f"The pipeline {spec.name!r} cannot be, for {len(lines)} reasons:", *lines])
    raise InvalidSpec(message, hint=" ".join(dict.fromkeys(one["hint"] for one in found)), details=found)


def _egress(spec: PipelineSpec) -> Iterator[Mistake]:
    try:
        egress.check(spec)
    except InvalidSpec as error:
        yield _mistake("egress", error.message, error.hint)


def _mistake(field: str, message: str, hint: str) -> Mistake:
    return {"field": field, "message": message, "hint": hint}


def _inputs(conn: Connection, repos: Repos, spec: PipelineSpec, *, allow_empty: bool) -> Iterator[Mistake]:
    clocks = {leaf for leaf, _ in crons_of(spec)}
    for leaf, item in enumerate(spec.inputs()):
        if leaf in clocks:
            continue
        field = f"input {item.name!r}"
        try:
            commit = _commit_of(conn, repos, item)
        except NotFound as error:
            yield _mistake(field, error.message, error.hint)
            continue
        if commit is None or allow_empty or commit.files == 0:
            continue
        if next(repos.view(commit).glob(item.glob), None) is None:
            ref = f"{item.repo}@{item.branch or item.commit}"
            yield _mistake(
                field,
                f"the glob {item.glob!r} matches nothing of the {commit.files} files at {ref}.",
                f"`headwater ls {ref} --glob '{item.glob}'` shows what a glob matches, `headwater ls {ref}` what is"
                " there; with --allow-empty the pipeline waits for files that match.",
            )


def _commit_of(conn: Connection, repos: Repos, item: FilesInput) -> Commit | None:
    """Returns the commit that a glob can be tried at; none where there is none yet.

    Raises:
        NotFound: There is no such repo, branch or commit.
    """
    if item.commit is not None:
        commit = repos.commit_by_id(item.commit, conn=conn)
        if commit.repo != item.repo:
            raise NotFound(
                f"commit {item.commit} is in the repo {commit.repo!r}, not in {item.repo!r}.",
                hint=f"`headwater log {item.repo}` shows the commits there are.",
            )
        repos.view(commit)
        return commit
    source = item.branch if item.trigger is None else item.trigger.branch
    repos.check_branch_there(conn, item.repo, source)
    head = repos.head(conn, item.repo, source)
    return None if head is None else repos.commit_by_id(head, conn=conn)


def _clocks(conn: Connection, repos: Repos, spec: PipelineSpec, own: PipelineRow | None) -> Iterator[Mistake]:
    for _, cron in crons_of(spec):
        field = f"input {cron.name!r}"
        try:
            schedule_of(cron.schedule)
        except InvalidSchedule as error:
            yield _mistake(field, error.message, error.hint)
        if own is None and repos.kind_in(conn, cron.repo) == "data":
            yield _mistake(
                field,
                f"its ticks would go to the repo {cron.repo!r}, which is there already.",
                "Name another one with `repo`.",
            )


def _output(conn: Connection, repos: Repos, spec: PipelineSpec, own: PipelineRow | None) -> Iterator[Mistake]:
    repo = spec.output.repo
    if is_protected(repo) and spec.kind not in _OF_SYSTEM:
        yield _mistake("output", f"only Headwater itself writes {repo!r}.", "Name another repo as output.")
        return
    others = [name for name in pipeline_store.writers(conn, repo) if own is None or name != own.name]
    if others:
        yield _mistake(
            "output", f"{repo!r} is the output of the pipeline {others[0]!r}.", "Name another repo as output."
        )
    elif repos.kind_in(conn, repo) == "data" and repos.has_commits(conn, repo):
        yield _mistake(
            "output",
            f"the repo {repo!r} is there already, and has commits of data.",
            "Name another repo as output; a pipeline replaces what is in its own.",
        )


def _circle(conn: Connection, spec: PipelineSpec) -> Iterator[Mistake]:
    """Looks whether what the pipeline writes comes back to it."""
    read = {(item.repo, item.branch) for item in spec.inputs() if item.commit is None}
    ways: dict[tuple[str, str], Sequence[str]] = {(spec.output.repo, spec.output.branch): [spec.name]}
    level = list(ways)
    while level:
        met = next((place for place in level if place in read), None)
        if met is not None:
            way = " → ".join([*ways[met], spec.name])
            yield _mistake("input", f"it would read what is made of its own output: {way}.", _CIRCLE)
            return
        fresh: list[tuple[str, str]] = []
        for place, row in readers_of(conn, level):
            writes = (row.output_repo, row.output_branch)
            if writes not in ways and row.name != spec.name:
                ways[writes] = [*ways[place], row.name]
                fresh.append(writes)
        level = fresh


_CIRCLE = "Read something else, or write another repo: data flows one way."


def nearest_hint(name: str, known: Sequence[str]) -> str:
    """Returns a hint for a name that is not there."""
    return did_you_mean(name, known, none="There are none.")
