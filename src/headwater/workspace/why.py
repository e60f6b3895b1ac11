"""Leads from a result back to what made it, one step per thing.

A prediction leads to the version that answered, a version to its request,
code and data, a commit to what its provenance names. A file that a pipeline
has made leads to the one datum that wrote it: to the files that this saw, the
code, and the job that ran it, and from those files on. Each commit is told
once, however many ways lead to it.
"""

from collections import deque
from collections.abc import Iterator, Sequence

from headwater.api.documents import Provenance, WhyStep
from headwater.clock import rfc3339
from headwater.errors import NotFound
from headwater.models import REPO_PREFIX
from headwater.monitoring import is_prediction_id
from headwater.pipelines.engine import Origin
from headwater.repos import Commit, Ref, parse_ref
from headwater.workspace.parts import Parts

_MOST = 200
_SHOWN = 12


def explain(parts: Parts, ref: str) -> list[WhyStep]:
    """Returns the steps from what `ref` names back to data, code and requests.

    Raises:
        NotFound: Nothing has this name.
    """
    if is_prediction_id(ref):
        return _explain_prediction(parts, ref)
    parsed = parse_ref(ref)
    commit = _commit_of(parts, parsed)
    if parsed.path is None:
        return list(_walk(parts, [(commit, "asked")]))
    file = parts.repos.view(commit).stat(parsed.path)
    what = f"{file.size} bytes, {file.hash[:_SHOWN]}"
    asked = WhyStep("file", f"{_ref(commit)}:{file.path}", what, "asked")
    steps = [] if file.kind == "folder" else _explain_file(parts, commit, file.path, most=_MOST)
    return [asked, *(steps or _walk(parts, [(commit, "asked")]))]


def _commit_of(parts: Parts, ref: Ref) -> Commit:
    """Returns the commit of a repo's ref; where a repo has none of this name, a model may: `iris@7`."""
    try:
        return parts.repos.get(ref.repo).resolve(ref.what)
    except NotFound as missing:
        try:
            return parts.registry.view(f"{ref.repo}@{ref.what}").commit
        except NotFound:
            raise missing from None


def _explain_prediction(parts: Parts, prediction: str) -> list[WhyStep]:
    found = parts.predictions.find(prediction)
    record = found.record
    what = f"answered by {record.model}@{record.version} at {record.time}"
    logged = WhyStep("prediction", prediction, what, "asked")
    place = WhyStep(
        "file", f"{found.repo}@{found.commit[:_SHOWN]}:{found.path}", "input and answer", "logged in"
    )
    version = parts.repos.commit_by_id(record.commit)
    return [logged, place, *_walk(parts, [(version, "answered by")])]


def _explain_file(parts: Parts, commit: Commit, path: str, *, most: int) -> list[WhyStep]:
    """Returns what wrote a file of a pipeline's output, and so on for what that saw; nothing for other files.

    Each file leads to the one datum that wrote it, so the way back is as long
    as the chain of pipelines, not as wide as their commits.
    """
    steps: list[WhyStep] = []
    sources: dict[str, tuple[Commit, str]] = {}
    waiting = deque([(commit, path)])
    seen = {(commit.id, path)}
    while waiting and len(steps) < most:
        held, name = waiting.popleft()
        origin = parts.datums.origin(held, name)
        if origin is None or not origin.inputs:
            sources.setdefault(held.id, (held, f"holds {name}"))
            continue
        steps += _origin_steps(origin, f"{_ref(held)}:{name}")
        for item, read in origin.inputs:
            place = (read.id, f"/{item.path.lstrip('/')}")
            if item.is_folder:
                sources.setdefault(read.id, (read, f"input {item.input!r} of {origin.info.label}"))
            elif place not in seen:
                seen.add(place)
                waiting.append((read, place[1]))
    if not steps:
        return []
    told = {step.ref for step in steps}
    return [*steps, *(step for step in _walk(parts, list(sources.values())) if step.ref not in told)]


def _origin_steps(origin: Origin, file: str) -> Iterator[WhyStep]:
    info, job = origin.info, origin.job
    yield WhyStep("datum", origin.key.hex()[:_SHOWN], f"{info.label} of {origin.pipeline}", f"wrote {file}")
    for item, commit in origin.inputs:
        kind = "folder" if item.is_folder else "file"
        ref = f"{_ref(commit)}:/{item.path.lstrip('/')}"
        yield WhyStep(kind, ref, f"{item.size} bytes, {item.hash.hex()[:_SHOWN]}", f"input {item.input!r}")
    yield WhyStep(
        "code", info.code[:_SHOWN], f"version {job.version} of {origin.pipeline}", "ran on the datum"
    )
    when = rfc3339(job.finished_ms or job.created_ms)
    yield WhyStep("job", job.id[:_SHOWN], f"{origin.pipeline}, {when}", "ran the datum")


def _walk(parts: Parts, starts: Sequence[tuple[Commit, str]]) -> Iterator[WhyStep]:
    waiting = deque(starts)
    seen: set[str] = {commit.id for commit, _ in starts}
    while waiting and len(seen) <= _MOST:
        commit, reason = waiting.popleft()
        yield from _commit_steps(parts, commit, reason)
        for entry in commit.provenance:
            if entry.kind != "commit":
                yield _other_step(parts, entry)
            elif entry.id not in seen:
                seen.add(entry.id)
                waiting.append((parts.repos.commit_by_id(entry.id), f"{entry.role} of {_ref(commit)}"))


def _commit_steps(parts: Parts, commit: Commit, because: str) -> Iterator[WhyStep]:
    number = parts.registry.number_of(commit.id) if commit.repo.startswith(REPO_PREFIX) else None
    what = commit.message or f"{commit.files:,} file{'' if commit.files == 1 else 's'}"
    if commit.purge is not None:
        told = [f"{what}; its files were given up", commit.purge.reason]
        yield WhyStep("commit", _ref(commit), ": ".join(filter(None, told)), because)
        return
    yield WhyStep("commit" if number is None else "version", _ref(commit), what, because)
    if number is not None:
        version = parts.registry.version(f"{commit.repo.removeprefix(REPO_PREFIX)}@{number}")
        rows = version.targets[0].rows
        what = f"{rows.train} rows to train, {rows.validation} to validate, {rows.test} to test"
        yield WhyStep("file", version.data, what, "trained on")


def _other_step(parts: Parts, entry: Provenance) -> WhyStep:
    if entry.kind == "request":
        return WhyStep("request", entry.id[:_SHOWN], parts.jobs.get(entry.id).note or "", entry.role)
    return WhyStep(entry.kind, entry.id[:_SHOWN], entry.repo, entry.role)


def _ref(commit: Commit) -> str:
    return f"{commit.repo}@{commit.id[:_SHOWN]}"
