"""How pipelines, plans, jobs and datums look to a person; `tables` takes them up."""

from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console

from headwater.api import documents as doc
from headwater.api.html import size_text
from headwater.cli.grid import draw
from headwater.cli.texts import printable, second_text

Row = tuple[str, ...]

_ID = 12
_FEW = 3
_REASONS = {
    "new": "new",
    "input-changed": "an input changed",
    "code-changed": "the code changed",
    "failed-before": "failed before",
    "forced": "asked for",
    "kept": "nothing changed",
    "dropped": "no input any more",
}
_RUNS = ("new", "input-changed", "code-changed", "failed-before", "forced")


def _pipeline(item: doc.PipelineInfo) -> Row:
    last = "-" if item.last_job is None else f"{item.last_state} {item.last_job[:_ID]}"
    return (item.name, item.kind, str(item.version), item.standing, ", ".join(item.inputs), item.output, last)


def _job(item: doc.JobInfo) -> Row:
    note = _first_line(item.note or item.error or "")
    return (item.id[:_ID], item.pipeline, item.state, item.progress, second_text(item.created), note)


def _plan_row(item: doc.PlanRow) -> Row:
    return (item.datum, item.reason, _some(item.inputs))


def _datum(item: doc.DatumInfo) -> Row:
    time = item.stats.get("process_s")
    took = "-" if time is None else f"{time:.2f} s"
    return (
        item.datum[:_ID],
        item.state,
        item.label,
        item.job[:_ID],
        str(item.files),
        size_text(item.size),
        took,
        _first_line(item.error or ""),
    )


def _first_line(text: str) -> str:
    """Returns what fits into a table; `show` has the rest."""
    first, *others = text.splitlines() or [""]
    return f"{first} (and {len(others)} more)" if others else first


def _log(item: doc.LogInfo) -> str:
    return f"{printable(item.label)}{' (running)' if item.running else ''}  {item.line}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _FEW
    return ", ".join(names[:_FEW]) + (f" and {more} more" if more > 0 else "")


def _lines(console: Console, fields: Sequence[tuple[str, object]]) -> None:
    told = [(name, str(value)) for name, value in fields if value not in (None, "")]
    width = max(len(name) for name, _ in told)
    for name, value in told:
        first, *others = value.splitlines() or [""]
        console.print(f"{name:<{width}}  {first}")
        for line in others:
            console.print(f"{'':<{width}}  {line}")


def _show_pipeline(item: doc.PipelineInfo, console: Console) -> None:
    if item.removal is not None:
        _show_removal(item.name, item.removal, console)
        return
    last = "none" if item.last_job is None else f"{item.last_job} {item.last_state}"
    head = [("name", item.name), ("about", item.description), ("kind", item.kind), ("state", item.standing)]
    reads = [("reads", ref) for ref in item.inputs]
    made = [("version", item.version), ("code", item.code), ("runs on", _versions(item.environment))]
    _lines(
        console,
        [
            *head,
            *reads,
            ("writes", item.output),
            *made,
            ("created", item.created),
            *([("last job", last)] if item.process is None else _process(item.process)),
        ],
    )


def _show_removal(name: str, removal: doc.RemovalInfo, console: Console) -> None:
    console.print(f"The pipeline {name!r} was deleted.")
    cancelled = f", {removal.cancelled} of them cancelled" if removal.cancelled else ""
    kept = None if removal.kept is None else f"the repo {removal.kept}: {removal.because}"
    repos = [f"the repo {repo}" for repo in removal.repos]
    jobs = f"{removal.jobs} {'job' if removal.jobs == 1 else 'jobs'}{cancelled}"
    _lines(console, [("deleted", "\n".join([jobs, *repos])), ("kept", kept)])


def _process(item: doc.ProcessInfo) -> list[tuple[str, object]]:
    serves = [("serves", commit) for commit in item.commits]
    return [
        ("process", str(item)),
        ("answers at", item.url),
        *serves,
        ("last", item.last),
        ("error", item.error),
    ]


def _versions(environment: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in environment.items())


def _show_job(item: doc.JobInfo, console: Console) -> None:
    known = "" if item.total is None else f"; {item.total} in all"
    head = [("id", item.id), ("pipeline", f"{item.pipeline}, version {item.version}"), ("state", item.state)]
    times = [("created", item.created), ("started", item.started), ("finished", item.finished)]
    _lines(
        console,
        [
            *head,
            ("datums", f"{item.progress}{known}"),
            *(("reads", ref) for ref in item.inputs),
            ("writes", item.output),
            ("commit", item.commit),
            ("set", item.set),
            ("because of", item.cause),
            *times,
            ("took", _figures(item.stats)),
            ("note", item.note),
            ("error", item.error),
        ],
    )


def _figures(stats: dict[str, Any]) -> str:
    """Writes what datums took together: `fetch 0.02 s, process 1.40 s, in 4.9 kB, out 120 B`."""
    times = [
        f"{name.removesuffix('_s')} {value:.2f} s" for name, value in stats.items() if name.endswith("_s")
    ]
    sizes = [
        f"{name.removeprefix('bytes_')} {size_text(value)}"
        for name, value in stats.items()
        if name.startswith("bytes_")
    ]
    return ", ".join(times + sizes)


def _show_set(item: doc.SetInfo, console: Console) -> None:
    if item.held_by:
        names = ", ".join(item.held_by)
        console.print(f"Paused, so that they and what only they start got no job: {names}")
    if not item.jobs:
        console.print("No pipeline had anything to do.")
        return
    console.print(f"{item.state}: {item.progress}")
    headings, cells = LISTS[doc.JobInfo]
    draw(console, headings, map(cells, item.jobs), long=("note",))


def _show_plan(item: doc.PlanInfo, console: Console) -> None:
    console.print(f"{item.pipeline}: {item.runs} of {item.total} datums would run")
    told = [(reason, count) for reason, count in item.counts.items() if count]
    rows = [(str(count), "run" if reason in _RUNS else reason, _REASONS[reason]) for reason, count in told]
    if rows:
        draw(console, ("datums", "what", "why"), rows, right=("datums",))
    if item.note:
        console.print(item.note)


TEXTS: dict[type, Callable[[Any], str]] = {doc.LogInfo: _log}

LISTS: dict[type, tuple[Row, Callable[[Any], Row]]] = {
    doc.PipelineInfo: (("pipeline", "kind", "version", "state", "reads", "writes", "last job"), _pipeline),
    doc.JobInfo: (("id", "pipeline", "state", "datums", "created", "note"), _job),
    doc.PlanRow: (("datum", "why", "inputs"), _plan_row),
    doc.DatumInfo: (("datum", "state", "label", "job", "files", "size", "took", "note"), _datum),
}

PAGES: dict[type, Callable[[Any, Console], None]] = {
    doc.PipelineInfo: _show_pipeline,
    doc.JobInfo: _show_job,
    doc.SetInfo: _show_set,
    doc.PlanInfo: _show_plan,
}
