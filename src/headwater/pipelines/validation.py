"""Whether a spec fits the workspace: what it reads is there, what it writes is free, and nothing goes in a circle.

All mistakes are found before anything is written, and told at once. What can
be seen in a spec alone was looked at when it was read.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from headwater.errors import Error, NotFound
from headwater.pipelines import egress, history_store, pipeline_store, store
from headwater.pipelines.dag import Place, crons_of, schedule_of, way_to
from headwater.pipelines.errors import InvalidSchedule, InvalidSpec
from headwater.pipelines.spec import FilesInput, PipelineSpec
from headwater.pipelines.store import PipelineRow
from headwater.repos import Commit, Repos, is_protected

Mistake = dict[str, Any]
# Kinds of the floors above, which write the repos that nobody else may.
_OF_SYSTEM = ("train",)


def globbed(conn: Connection, repos: Repos, spec: PipelineSpec) -> list[tuple[int, Commit]]:
    """Returns the inputs whose globs can be tried, by their places in the spec, and the commits to try them at."""
    clocks = {leaf for leaf, _ in crons_of(spec)}
    found = []
    for leaf, item in enumerate(spec.inputs()):
        if leaf in clocks:
            continue
        try:
            commit = _commit_of(conn, repos, item)
        except NotFound:
            continue  # `check` says so
        if commit is not None and commit.files:
            found.append((leaf, commit))
    return found


def try_globs(
    repos: Repos, spec: PipelineSpec, commits: Sequence[tuple[int, Commit]]
) -> Mapping[int, Mistake]:
    """Returns a mistake for each input whose glob matches nothing of a commit, by its place in the spec.

    A whole repo may have to be read for that, so no transaction should be open.
    """
    leaves, found = spec.inputs(), {}
    for leaf, commit in commits:
        item = leaves[leaf]
        if next(repos.view(commit).glob(item.glob), None) is None:
            ref = f"{item.repo}@{item.branch or item.commit}"
            found[leaf] = _mistake(
                f"input {item.name!r}",
                f"the glob {item.glob!r} matches nothing of the {commit.files} files at {ref}.",
                f"`headwater ls {ref} --glob '{item.glob}'` shows what a glob matches, `headwater ls {ref}` what is"
                " there; with --allow-empty the pipeline waits for files that match.",
            )
    return found


def check(
    conn: Connection,
    repos: Repos,
    spec: PipelineSpec,
    *,
    own: PipelineRow | None,
    empty: Mapping[int, Mistake],
) -> None:
    """Makes sure that a spec can become a pipeline, or a new version of its own.

    Args:
        conn: The transaction that writes it.
        repos: What it reads and writes.
        spec: What is to be.
        own: The pipeline that gets a new version; none for a new one.
        empty: What `try_globs` found, unless globs may match nothing.

    Raises:
        InvalidSpec: It does not fit; `details` names each mistake.
    """
    found = [*_inputs(conn, repos, spec, empty), *_clocks(conn, repos, spec, own)]
    found += [*_output(conn, repos, spec, own), *_circle(conn, spec, own), *_egress(spec)]
    if not found:
        return
    lines = [f"{one['field']}: {one['message']}" for one in found]
    message = f"The pipeline {spec.name!r} cannot be: {lines[0]}"
    if len(lines) > 1:
        message = "\n- ".join([f"The pipeline {spec.name!r} cannot be, for {len(lines)} reasons:", *lines])
    raise InvalidSpec(message, hint=" ".join(dict.fromkeys(one["hint"] for one in found)), details=found)


def together(errors: Sequence[Error]) -> Error:
    """Returns one error for what is wrong with several specs: the only one, or one that tells all of them."""
    if len(errors) == 1:
        return errors[0]
    message = "\n".join([f"{len(errors)} pipelines cannot be:", *(one.message for one in errors)])
    hint = " ".join(dict.fromkeys(one.hint for one in errors))
    return InvalidSpec(message, hint=hint, details=[row for one in errors for row in one.details])


def _egress(spec: PipelineSpec) -> Iterator[Mistake]:
    try:
        egress.check(spec)
    except InvalidSpec as error:
        yield _mistake("egress", error.message, error.hint)


def _mistake(field: str, message: str, hint: str) -> Mistake:
    return {"field": field, "message": message, "hint": hint}


def _inputs(
    conn: Connection, repos: Repos, spec: PipelineSpec, empty: Mapping[int, Mistake]
) -> Iterator[Mistake]:
    clocks = {leaf for leaf, _ in crons_of(spec)}
    for leaf, item in enumerate(spec.inputs()):
        if leaf in clocks:
            continue
        try:
            _commit_of(conn, repos, item)
        except NotFound as error:
            yield _mistake(f"input {item.name!r}", error.message, error.hint)
        else:
            if leaf in empty:
                yield empty[leaf]


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
    before = set() if own is None else _tick_repos(store.spec_of(conn, own.id, own.version))
    for _, cron in crons_of(spec):
        field = f"input {cron.name!r}"
        try:
            schedule_of(cron.schedule)
        except InvalidSchedule as error:
            yield _mistake(field, error.message, error.hint)
        if cron.repo in before:
            continue
        if is_protected(cron.repo) or repos.kind_in(conn, cron.repo) == "data":
            whose = "which is there already"
        else:
            name = next(
                iter([*pipeline_store.writers(conn, cron.repo), *_ticking(conn, cron.repo, own)]), None
            )
            whose = "" if name is None else f"which belongs to the pipeline {name!r}"
        if whose:
            yield _mistake(
                field,
                f"its ticks would go to the repo {cron.repo!r}, {whose}.",
                "Name another one with `repo`.",
            )


def _ticking(conn: Connection, repo: str, own: PipelineRow | None) -> Iterator[str]:
    """Yields the other pipelines of which a clock ticks into a repo, by name."""
    for name in history_store.readers(conn, repo, None):
        row = store.find_pipeline(conn, name)
        if row is None or (own is not None and row.id == own.id):
            continue
        if repo in _tick_repos(store.spec_of(conn, row.id, row.version)):
            yield name


def _tick_repos(spec: PipelineSpec) -> set[str]:
    return {cron.repo for _, cron in crons_of(spec)}


def _output(conn: Connection, repos: Repos, spec: PipelineSpec, own: PipelineRow | None) -> Iterator[Mistake]:
    repo = spec.output.repo
    if is_protected(repo) and spec.kind not in _OF_SYSTEM:
        yield _mistake("output", f"only Headwater itself writes {repo!r}.", "Name another repo as output.")
        return
    others = [name for name in pipeline_store.writers(conn, repo) if own is None or name != own.name]
    ticking = next(_ticking(conn, repo, own), None)
    if others:
        yield _mistake(
            "output", f"{repo!r} is the output of the pipeline {others[0]!r}.", "Name another repo as output."
        )
    elif ticking is not None:
        yield _mistake(
            "output",
            f"a clock of the pipeline {ticking!r} ticks into {repo!r}.",
            "Name another repo as output.",
        )
    elif repos.kind_in(conn, repo) == "data" and repos.has_commits(conn, repo):
        yield _mistake(
            "output",
            f"the repo {repo!r} is there already, and has commits of data.",
            "Name another repo as output; a pipeline replaces what is in its own.",
        )


def _circle(conn: Connection, spec: PipelineSpec, own: PipelineRow | None) -> Iterator[Mistake]:
    """Looks whether what the pipeline writes comes back to it."""
    read = {(item.repo, item.branch) for item in spec.inputs() if item.commit is None}
    follow: dict[Place, list[Place]] = {}
    for item in spec.inputs():
        if item.trigger is not None:
            follow.setdefault((item.repo, item.trigger.branch), []).append((item.repo, item.branch))
    writes = spec.output.repo, spec.output.branch
    way = way_to(conn, writes, read, without=None if own is None else own.id, also=follow)
    if way is not None:
        told = " → ".join([spec.name, *way, spec.name])
        yield _mistake("input", f"it would read what is made of its own output: {told}.", _CIRCLE)


_CIRCLE = "Read something else, or write another repo: data flows one way."
