"""Shows a spec as a file in Headwater's own form would say it, without what is as by default."""

from typing import Any

import msgspec

from headwater.pipelines.spec.checks import default_name, tick_repo
from headwater.pipelines.spec.own import is_shell_line
from headwater.pipelines.spec.own_inputs import COMPOSITES
from headwater.pipelines.spec.shapes import (
    CronInput,
    FilesInput,
    Input,
    PipelineSpec,
    Transform,
)

_KIND_NAMES = {kind: name for name, kind in COMPOSITES.items()}
_AS_THEY_ARE = (
    *("reprocess", "datum_tries", "datum_set", "resources", "egress", "follow", "coalesce", "priority"),
    *("metadata",),
)


def dump(spec: PipelineSpec) -> dict[str, Any]:
    """Returns the document that reads as this spec; fields stand in the order in which people write them.

    That of a kind from another floor, such as a model's training, has its
    `kind` and `parameters` beside the rest and is for people only.
    """
    plain: dict[str, Any] = msgspec.to_builtins(spec)
    document: dict[str, Any] = {"name": spec.name}
    if spec.description:
        document["description"] = spec.description
    if spec.kind not in {"transform", "spout", "service"}:
        document["kind"] = spec.kind
    if spec.input is not None:
        for_function = bool(spec.transform and spec.transform.function)
        document["input"] = _input(spec.input, spec.name, for_function=for_function)
    if (spec.output.repo, spec.output.branch) != (spec.name, "main"):
        document["output"] = f"{spec.output.repo}@{spec.output.branch}"
    if spec.transform is not None:
        document["transform"] = _transform(spec.transform)
    if spec.parallelism:
        document["parallelism"] = spec.parallelism
    for field, value in (("datum_timeout", spec.datum_timeout_s), ("job_timeout", spec.job_timeout_s)):
        if value is not None:
            document[field] = _number(value)
    for kind in ("spout", "service"):
        if plain.get(kind) is not None:
            document[kind] = plain[kind]
    document |= {field: plain[field] for field in _AS_THEY_ARE if plain.get(field) is not None}
    if spec.parameters:
        document["parameters"] = plain["parameters"]
    return document


def _input(node: Input, pipeline: str, *, for_function: bool) -> dict[str, Any]:
    if isinstance(node, FilesInput):
        fields = msgspec.to_builtins(node)
        if node.name == default_name(node.repo, for_function=for_function):
            del fields["name"]
        return {"files": _without_kind(fields)}
    if isinstance(node, CronInput):
        fields = msgspec.to_builtins(node)
        if node.repo == tick_repo(pipeline, node.name):
            del fields["repo"]
        return {"cron": _without_kind(fields)}
    return {_KIND_NAMES[type(node)]: [_input(one, pipeline, for_function=for_function) for one in node.of]}


def _without_kind(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "input"}


def _transform(transform: Transform) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(transform)
    for name in ("command", "recovery"):
        words = getattr(transform, name)
        if is_shell_line(words):
            fields[name] = words[2]
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


def _number(value: float) -> float:
    return int(value) if value == int(value) else value
