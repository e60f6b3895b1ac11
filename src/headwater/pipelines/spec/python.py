"""Pipelines as decorated functions.

    @pipeline(input=cross(reviews=files("reviews", glob="/*"), model=files("sentiment")))
    def inference(reviews, model, out): ...

The decorator returns the very function, so it is called and tested as any
other; what is written here becomes a document in Headwater's own form, read
and checked as one from a file.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from headwater.pipelines.errors import InvalidSpec
from headwater.pipelines.spec.checks import OUT, SERVICE_NAMES, STATE
from headwater.pipelines.spec.document import Document
from headwater.pipelines.spec.fields import Reading, refuse
from headwater.pipelines.spec.own import read_own
from headwater.pipelines.spec.shapes import PipelineSpec, Reprocess, leaves_of

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
_ATTRIBUTE = "__headwater_pipeline__"
# What the functions of those that run for ever may ask for by name, beside inputs and `state`.
_LONG_RUNNING = {"spout": {OUT, "last", "stop"}, "service": {*SERVICE_NAMES}}
Duration = float | str


@dataclass(frozen=True)
class InputNode:
    """An input as it was written; `document` is what a file would say."""

    document: dict[str, Any]

    def named(self, name: str) -> "InputNode":
        """Returns the input under the name of a keyword, which goes to files and clocks."""
        kind, fields = next(iter(self.document.items()))
        return InputNode(
            {kind: {**fields, "name": name}} if isinstance(fields, Mapping) else {kind: {name: fields}}
        )


@dataclass(frozen=True)
class Declared:
    """What a decorator has noted about a function."""

    spec: PipelineSpec
    function: Callable[..., Any]
    setup: Callable[..., Any] | None
    code: str | Path | None


class PipelineFunction(Protocol[P, R_co]):
    """A function that is a pipeline too."""

    spec: PipelineSpec

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Calls the function as it was written."""
        ...


def files(  # noqa: PLR0913 - one keyword per field of an input
    repo: str,
    *,
    glob: str = "/",
    branch: str | None = None,
    name: str | None = None,
    commit: str | None = None,
    reference: bool = False,
    lazy: bool = False,
    empty_files: bool = False,
    join_on: str | None = None,
    outer_join: bool = False,
    group_by: str | None = None,
    trigger: Mapping[str, Any] | None = None,
) -> InputNode:
    """Returns the files and folders of a repo that match a glob, each one datum.

    Args:
        repo: The repo, or `repo@branch`.
        glob: What matches; `/` is the whole repo as one datum, `/*` each entry at its top.
        branch: The branch that is read, main if none is named.
        name: What the code calls it: the repo's name, with _ for -, if nothing is said.
        commit: A fixed commit, instead of the branch's head.
        reference: The code sees it, but a change in it recomputes nothing.
        lazy: Bytes are fetched when a file is opened.
        empty_files: Files are given by name only.
        join_on: The value that a join compares, from what the glob captured: `$1`.
        outer_join: In a join, files without a match are kept.
        group_by: The value that a group gathers by: `$1`.
        trigger: The branch follows another one: `{"branch": "staging", "commits": 10}`.
    """
    given = {
        "branch": branch,
        "glob": glob,
        "name": name,
        "commit": commit,
        "reference": reference or None,
        "lazy": lazy or None,
        "empty_files": empty_files or None,
        "join_on": join_on,
        "outer_join": outer_join or None,
        "group_by": group_by,
        "trigger": trigger,
    }
    return InputNode({"files": {"repo": repo, **_given(given)}})


def cron(
    schedule: str, *, name: str | None = None, start: str | None = None, overwrite: bool = False
) -> InputNode:
    """Returns a clock as an input: each tick is a file named by its time.

    Args:
        schedule: Five fields of cron, `@daily`, `@every 10s`, or `@never` for ticks by hand only.
        name: What the code calls it, `tick` if nothing is said.
        start: Where ticks are counted from.
        overwrite: Only the last tick is there.
    """
    given = {"name": name, "start": start, "overwrite": overwrite or None}
    return InputNode({"cron": {"schedule": schedule, **_given(given)}})


def cross(*inputs: InputNode, **named: InputNode) -> InputNode:
    """Returns each combination of one datum of every input."""
    return _composite("cross", inputs, named)


def union(*inputs: InputNode, **named: InputNode) -> InputNode:
    """Returns the datums of all inputs, one after the other."""
    return _composite("union", inputs, named)


def join(*inputs: InputNode, **named: InputNode) -> InputNode:
    """Returns each combination of datums whose `join_on` is equal."""
    return _composite("join", inputs, named)


def group(*inputs: InputNode, **named: InputNode) -> InputNode:
    """Returns a datum for all that has the same `group_by`, across the inputs."""
    return _composite("group", inputs, named)


def pipeline(  # noqa: PLR0913 - one keyword per field of a spec
    *,
    input: InputNode | Mapping[str, Any],
    name: str | None = None,
    output: str | Mapping[str, str] | None = None,
    description: str | None = None,
    setup: Callable[..., Any] | None = None,
    batch: int = 1,
    code: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    packages: Sequence[str] | None = None,
    parallelism: int | str | None = None,
    datum_tries: int | None = None,
    datum_timeout: Duration | None = None,
    job_timeout: Duration | None = None,
    datum_set: Mapping[str, Any] | None = None,
    resources: Mapping[str, Any] | None = None,
    reprocess: Reprocess | None = None,
    egress: str | Mapping[str, Any] | None = None,
    follow: bool = True,
    coalesce: bool = True,
    priority: int | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Callable[[Callable[P, R_co]], PipelineFunction[P, R_co]]:
    """Makes a function over one datum a pipeline; its parameters are named as the inputs, and `out`.

    The fields are those of docs/pipeline-spec.md. Of its own are `setup`, a
    function called once per worker process whose value is the parameter
    `state`, and `code`, a folder to store instead of the function's module and
    what it imports. With `batch` the function takes a list of datums.

    Raises:
        InvalidSpec: Something of it cannot be used; all mistakes are named.
    """
    fields = {**locals()}
    taken = {field: fields.pop(field) for field in ("setup", "code", "env", "secrets", "packages", "batch")}
    return _decorator(fields, taken)


def spout(  # noqa: PLR0913 - as for `pipeline`
    *,
    name: str | None = None,
    output: str | Mapping[str, str] | None = None,
    description: str | None = None,
    overwrite: bool = False,
    setup: Callable[..., Any] | None = None,
    code: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    packages: Sequence[str] | None = None,
    resources: Mapping[str, Any] | None = None,
    egress: str | Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Callable[[Callable[P, R_co]], PipelineFunction[P, R_co]]:
    """Makes a function that runs for ever, and commits what it makes, a pipeline without an input.

    Raises:
        InvalidSpec: Something of it cannot be used; all mistakes are named.
    """
    fields = {**locals()}
    taken = {field: fields.pop(field) for field in ("setup", "code", "env", "secrets", "packages")}
    fields["spout"] = {"overwrite": fields.pop("overwrite")}
    return _decorator(fields, taken)


def service(  # noqa: PLR0913 - as for `pipeline`
    *,
    input: InputNode | Mapping[str, Any],
    port: int = 0,
    name: str | None = None,
    description: str | None = None,
    setup: Callable[..., Any] | None = None,
    code: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    packages: Sequence[str] | None = None,
    resources: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Callable[[Callable[P, R_co]], PipelineFunction[P, R_co]]:
    """Makes a function that answers on a port, started anew with each input commit, a pipeline.

    Raises:
        InvalidSpec: Something of it cannot be used; all mistakes are named.
    """
    fields = {**locals()}
    taken = {field: fields.pop(field) for field in ("setup", "code", "env", "secrets", "packages")}
    fields["service"] = {"port": fields.pop("port")}
    return _decorator(fields, taken)


def declared(source: Any) -> Declared | None:
    """Returns what a decorator has noted about a function; none where it has none."""
    found = getattr(source, _ATTRIBUTE, None)
    return found if isinstance(found, Declared) else None


def _decorator(
    fields: dict[str, Any], taken: dict[str, Any]
) -> Callable[[Callable[P, R_co]], PipelineFunction[P, R_co]]:
    setup, code = taken.pop("setup"), taken.pop("code")

    def decorate(function: Callable[P, R_co]) -> PipelineFunction[P, R_co]:
        if not inspect.isfunction(function):
            raise InvalidSpec(
                f"A {type(function).__name__} cannot be a pipeline.", hint="Put the decorator above a `def`."
            )
        document = _document(function, fields, taken)
        if setup is not None:
            document["transform"]["setup"] = _place(setup)
        if code is not None:
            document["transform"]["code"] = str(code)
        reading = Reading(Document(document))
        spec = read_own(reading)
        if spec is not None and not reading.mistakes:
            _check_parameters(reading, spec, function)
        refuse([reading])
        assert spec is not None, "a document without mistakes is a spec"
        noted = Declared(spec, function, setup, code)
        setattr(function, _ATTRIBUTE, noted)
        made = cast("PipelineFunction[P, R_co]", function)
        made.spec = spec
        return made

    return decorate


def _document(function: Callable[..., Any], fields: dict[str, Any], taken: dict[str, Any]) -> dict[str, Any]:
    """Returns what a file would say of a decorated function."""
    document = _given(fields)
    document.setdefault("name", function.__name__.replace("_", "-").strip("-").lower())
    if isinstance(document.get("input"), InputNode):
        document["input"] = document["input"].document
    summary = (inspect.getdoc(function) or "").partition("\n")[0]
    if summary:
        document.setdefault("description", summary)
    document["transform"] = {"function": _place(function), **_given(taken)}
    return document


def _place(function: Callable[..., Any]) -> str:
    """Returns where a function is for now; storing its code says where it will be."""
    module = getattr(function, "__module__", "") or "__main__"
    return f"{module}:{getattr(function, '__name__', 'unnamed')}"


def _check_parameters(reading: Reading, spec: PipelineSpec, function: Callable[..., Any]) -> None:
    """Keeps a mistake for each parameter that is missing, and each that nothing is given for."""
    assert spec.transform is not None, "a decorated function has one"
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        reading.mistake(
            ("transform", "function"),
            f"{function.__name__}() is `async`, and nothing would wait for it: write it with `def`; inside, `asyncio.run(…)` runs what is `async`",
        )
    elif spec.kind != "spout" and inspect.isgeneratorfunction(function):
        wanted = (
            "write results with `out.write(name, …)`" if spec.kind == "transform" else "only a spout yields"
        )
        reading.mistake(
            ("transform", "function"),
            f"{function.__name__}() has a `yield`, and nothing would go through what it yields: {wanted}",
        )
    parameters = inspect.signature(function).parameters
    kinds = inspect.Parameter
    takes_all = any(one.kind is kinds.VAR_KEYWORD for one in parameters.values())
    named = [
        name for name, one in parameters.items() if one.kind not in {kinds.VAR_KEYWORD, kinds.VAR_POSITIONAL}
    ]
    needed = [name for name in named if parameters[name].default is kinds.empty]
    if spec.transform.batch > 1:
        extra = [name for name in needed[1:] if not (name == STATE and spec.transform.setup)]
        if extra or not named:
            wanted = "the list of datums, and `state`" if spec.transform.setup else "the list of datums"
            reading.mistake(
                ("transform", "function"),
                f"with `batch`, {function.__name__}() takes {wanted}, not ({', '.join(parameters)})",
            )
        return
    inputs = [] if spec.input is None else [leaf.name for leaf in leaves_of(spec.input)]
    given = dict.fromkeys([*inputs, OUT] if spec.kind == "transform" else inputs)
    if spec.transform.setup:
        given[STATE] = None
    missing = [name for name in given if name not in named and not takes_all]
    if missing:
        reading.mistake(
            ("transform", "function"),
            f"{function.__name__}({', '.join(parameters)}) lacks the parameter{'s' if len(missing) > 1 else ''} {', '.join(missing)}: "
            "each input is a parameter of its name, and `out` takes the result",
        )
    allowed = {*given, *_LONG_RUNNING.get(spec.kind, ())}
    strange = [name for name in needed if name not in allowed]
    if strange:
        reading.mistake(
            ("transform", "function"),
            f"nothing is given for the parameter{'s' if len(strange) > 1 else ''} {', '.join(strange)} of {function.__name__}(): the inputs are {', '.join(inputs) or 'none'}",
        )


def _composite(kind: str, inputs: Sequence[InputNode], named: Mapping[str, InputNode]) -> InputNode:
    nodes = [*inputs, *(node.named(name) for name, node in named.items())]
    return InputNode({kind: [node.document for node in nodes]})


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
