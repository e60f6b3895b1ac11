"""How documents look to a person: a table for a list, lines for one thing.

One function per document; a type without one is shown field by field.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import msgspec
from rich.console import Console

from headwater.api import documents as doc
from headwater.api.html import size_text
from headwater.cli import pipeline_tables
from headwater.cli.grid import draw
from headwater.cli.texts import score_text, second_text

Row = tuple[str, ...]

_SIZES = ("size", "stored", "named", "unpacked")  # fields in bytes
_SHARES = ("deduplicated",)


def render(document: Any, console: Console) -> None:
    """Shows a document, or an iterable of documents of one type."""
    if isinstance(document, doc.Listing):
        _render_list(document.items, console)
        if document.next is not None:
            console.print(f"(more: --cursor {document.next})")
    elif isinstance(document, list | tuple | Iterator):
        _render_list(document, console)
    elif isinstance(document, str):
        console.print(document)
    elif type(document) in _PAGES:
        _PAGES[type(document)](document, console)
    elif type(document) in _LISTS:
        _render_list([document], console)
    else:
        _fields(document, console)


def _render_list(items: Iterable[Any], console: Console) -> None:
    rows = iter(items)
    first = next(rows, None)
    if first is None:
        console.print("(none)")
        return
    if type(first) in _TEXTS:
        for item in chain((first,), rows):
            console.print(_TEXTS[type(item)](item))
        return
    headings, cells = _LISTS.get(type(first), (None, None))
    if headings is None or cells is None:
        for item in (first, *rows):
            _fields(item, console)
        return
    draw(console, headings, map(cells, chain((first,), rows)), long=_LONG, right=_RIGHT)


def _fields(document: Any, console: Console) -> None:
    plain = msgspec.to_builtins(document)
    if not isinstance(plain, dict):
        console.print(str(plain))
        return
    width = max((len(name) for name in plain), default=0)
    for name, value in plain.items():
        shown = size_text(value) if name in _SIZES else f"{value:.1%}" if name in _SHARES else _plain(value)
        console.print(f"{name:<{width}}  {shown}")


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    return str(value)


def _file(item: doc.FileInfo) -> Row:
    folder = item.kind == "folder"
    return (
        item.path + ("/" if folder and not item.path.endswith("/") else ""),
        size_text(item.size),
        item.hash[:12],
    )


def _match(item: doc.MatchInfo) -> Row:
    path, size, hash = _file(doc.FileInfo(item.path, item.size, item.hash, item.kind))
    return (path, size, hash, "  ".join(item.captures))


def _commit(item: doc.CommitInfo) -> Row:
    return (
        item.id[:12],
        second_text(item.created),
        item.branch,
        str(item.files),
        size_text(item.size),
        item.message,
    )


def _repo(item: doc.RepoInfo) -> Row:
    return (item.name, item.kind, str(item.files), size_text(item.size), ", ".join(item.branches))


def _branch(item: doc.BranchInfo) -> Row:
    return (item.name, item.repo, (item.commit or "-")[:12], second_text(item.moved), _trigger(item.trigger))


def _trigger(item: dict[str, Any] | None) -> str:
    if item is None:
        return ""
    told = [f"{item[name]} {name}" for name in ("commits", "cron") if item.get(name)]
    told += [size_text(item["size"])] if item.get("size") else []
    return f"{item['branch']}: {(' and ' if item.get('all') else ' or ').join(told)}"


def _diff(item: doc.DiffRow) -> Row:
    return (item.change, item.path, size_text(item.old_size), size_text(item.new_size))


def _conflict(item: doc.ConflictRow) -> Row:
    sides = (None if side is None else side.size for side in (item.base, item.ours, item.theirs))
    return (item.kind, item.path, *(size_text(side) for side in sides), item.below or "")


def _model(item: doc.ModelInfo) -> Row:
    places = ", ".join(f"{name}: {number}" for name, number in item.environments.items())
    return (item.model, "-" if item.latest is None else str(item.latest), str(item.versions), places or "-")


def _version(item: doc.VersionInfo) -> Row:
    scores = "; ".join(
        f"{one.target} {score_text(one.scores, 'r2', 'accuracy')}" for one in item.targets[:_SHOWN_TARGETS]
    )
    more = " …" if len(item.targets) > _SHOWN_TARGETS else ""
    return (item.ref, second_text(item.created), ", ".join(item.environments) or "-", scores + more)


_SHOWN_TARGETS = 5
# Columns that may break into lines, so that the others stay whole on a narrow terminal.
_LONG = ("message", "scores", "note", "path", "url", "environments", "inputs", "reads", "follows")
_RIGHT = ("size", "files", "version", "old", "new", "rows", "count")


def _gate(item: doc.GateResult) -> Row:
    value = "-" if item.value is None else f"{item.value:.4g}"
    limit = "-" if item.limit is None else f"{item.limit:.4g}"
    return ("passed" if item.passed else "failed", item.gate, item.target, value, limit)


def _token(item: doc.TokenInfo) -> Row:
    return (item.id, item.name, " ".join(item.scopes), item.expires or "never")


def _endpoint(item: doc.EndpointInfo) -> Row:
    version = "-" if item.version is None else str(item.version)
    return (item.name, f"{item.model}@{item.environment}", version, item.state, item.url)


def _why_text(item: doc.WhyStep) -> str:
    """Writes a step on two lines, since its parts may be long: what it is, and why it is here."""
    return f"{item.kind:<10}  {item.ref}\n{'':<10}  {item.because}{': ' + item.what if item.what else ''}"


def _setting(item: doc.SettingInfo) -> Row:
    return (item.name, str(item.value), str(item.default))


def _text_diff(item: doc.TextDiff) -> str:
    if item.text:
        return item.text.rstrip("\n")
    return f"{item.path}: {item.change}, {item.omitted or 'without a line that differs'}"


def _environment(item: doc.EnvironmentInfo) -> Row:
    return (item.name, item.before or "-", str(len(item.gates)))


def _promotion(item: doc.PromotionInfo) -> Row:
    passed = sum(gate.passed for gate in item.gates)
    gates = f"{passed} of {len(item.gates)} passed" if item.gates else "none"
    return (
        item.environment,
        f"{item.model}@{item.version}",
        "yes" if item.moved else "no",
        gates,
        item.by,
        item.at,
    )


_TEXTS: dict[type, Callable[[Any], str]] = {
    str: str,
    doc.WhyStep: _why_text,
    doc.TextDiff: _text_diff,
    **pipeline_tables.TEXTS,
}

_LISTS: dict[type, tuple[Row, Callable[[Any], Row]]] = {
    doc.FileInfo: (("path", "size", "hash"), _file),
    doc.MatchInfo: (("path", "size", "hash", "captures"), _match),
    doc.CommitInfo: (("commit", "created", "branch", "files", "size", "message"), _commit),
    doc.RepoInfo: (("repo", "kind", "files", "size", "branches"), _repo),
    doc.BranchInfo: (("name", "repo", "commit", "moved", "follows"), _branch),
    doc.DiffRow: (("change", "path", "old", "new"), _diff),
    doc.ConflictRow: (("conflict", "path", "base", "ours", "theirs", "below"), _conflict),
    doc.ModelInfo: (("model", "latest", "versions", "environments"), _model),
    doc.VersionInfo: (("version", "created", "environments", "scores"), _version),
    doc.GateResult: (("result", "gate", "target", "value", "limit"), _gate),
    doc.TokenInfo: (("id", "name", "scopes", "expires"), _token),
    doc.EndpointInfo: (("endpoint", "model", "version", "state", "url"), _endpoint),
    doc.SettingInfo: (("setting", "value", "default"), _setting),
    doc.EnvironmentInfo: (("environment", "after", "gates"), _environment),
    doc.PromotionInfo: (("environment", "version", "entered", "gates", "by", "at"), _promotion),
    **pipeline_tables.LISTS,
}


def _show_version(item: doc.VersionInfo, console: Console) -> None:
    console.print(f"{item.ref}  from {item.data}  ({item.created})")
    console.print(f"environments  {', '.join(item.environments) or '-'}")
    console.print(f"report        {item.report}")
    console.print(f"digest        {item.digest}")
    rows = (
        (
            one.target,
            one.task,
            one.algorithm,
            str(one.rows.train),
            str(one.rows.test),
            score_text(one.scores, "r2", "rmse", "accuracy", "log_loss"),
            score_text(one.confidence, "level", "coverage") or "off",
        )
        for one in item.targets
    )
    draw(console, _TARGET, rows, long=("scores", "confidence"), right=("train", "test"))


_TARGET = ("target", "task", "algorithm", "train", "test", "scores", "confidence")


def _show_commit(item: doc.CommitInfo, console: Console) -> None:
    width = len("provenance")
    for name in ("id", "set", "repo", "branch", "parent", "state", "created", "message", "files"):
        console.print(f"{name:<{width}}  {_plain(getattr(item, name))}")
    console.print(f"{'size':<{width}}  {size_text(item.size)}")
    for key, value in item.metadata.items():
        console.print(f"{'metadata':<{width}}  {key}={value}")
    for entry in item.provenance:
        console.print(f"{'provenance':<{width}}  {entry.role}: {entry.kind} {entry.repo}@{entry.id}")


def _show_promotion(item: doc.PromotionInfo, console: Console) -> None:
    verb = "is now in" if item.moved else "did not enter"
    console.print(f"{item.model}@{item.version} {verb} {item.environment}")
    if item.gates:
        _render_list(item.gates, console)


def _show_token(item: doc.TokenInfo, console: Console) -> None:
    if item.token is None:
        _render_list([item], console)
    else:
        console.print(item.token)


_PAGES: dict[type, Callable[[Any, Console], None]] = {
    doc.CommitInfo: _show_commit,
    doc.VersionInfo: _show_version,
    doc.PromotionInfo: _show_promotion,
    doc.TokenInfo: _show_token,
    **pipeline_tables.PAGES,
}
