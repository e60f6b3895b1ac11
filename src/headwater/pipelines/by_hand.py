"""What somebody asks of a pipeline by hand: which inputs shall read what, and why it cannot be."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from headwater.errors import did_you_mean
from headwater.pipelines.dag import LONG_RUNNING, Place, has_no_jobs, paused_above
from headwater.pipelines.errors import InvalidRun
from headwater.pipelines.spec import PipelineSpec
from headwater.pipelines.store import PipelineRow
from headwater.repos import Repos


def wanted(repos: Repos, spec: PipelineSpec, at: Mapping[str, str]) -> dict[int, str]:
    """Returns refs by the places of the inputs that shall read them; without a repo, the input's own is meant.

    Raises:
        InvalidRun: The spec has no such input.
    """
    known = {item.name for item in spec.inputs()}
    for one in at:
        if one not in known:
            raise InvalidRun(
                f"The pipeline {spec.name!r} has no input {one!r}.", hint=did_you_mean(one, sorted(known))
            )
    found = {}
    for leaf, item in enumerate(spec.inputs()):
        if item.name in at:
            ref = at[item.name]
            found[leaf] = ref if "@" in ref or repos.exists(ref) else f"{item.repo}@{ref}"
    return found


def nothing_to_read(conn: Connection, repos: Repos, pipeline: PipelineRow, spec: PipelineSpec) -> InvalidRun:
    """Returns why a pipeline gets no job now."""
    if pipeline.kind in LONG_RUNNING:
        return has_no_jobs(pipeline.name, pipeline.kind)
    places = {(item.repo, item.branch) for item in spec.inputs() if item.commit is None}
    if all(repos.head(conn, *place) is not None for place in places):
        return _in_two_states(pipeline.name, sorted(places), paused_above(conn, places))
    refs = ", ".join(f"{item.repo}@{item.commit or item.branch}" for item in spec.inputs())
    return InvalidRun(
        f"There is nothing to read yet for the pipeline {pipeline.name!r}: it reads {refs}.",
        hint="Commit something to each of them first: `headwater put …`.",
    )


def _in_two_states(name: str, places: Sequence[Place], paused: Sequence[str]) -> InvalidRun:
    refs = ", ".join("@".join(place) for place in places)
    hint = (
        "Wait until what they are made of has come through, or mend what has failed (`headwater job list`)."
    )
    if paused:
        hint = " ".join(f"`headwater pipeline resume {one}` lets what is behind catch up." for one in paused)
    return InvalidRun(
        f"There are no commits of {refs} that agree: they were made of different states of what they share, and"
        f" the pipeline {name!r} never reads two states of one branch.",
        hint=hint,
    )
