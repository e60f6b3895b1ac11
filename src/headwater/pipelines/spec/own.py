"""Reads a spec in Headwater's own form."""

from collections.abc import Sequence
from typing import get_args

from headwater.errors import did_you_mean
from headwater.pipelines.spec import checks, units
from headwater.pipelines.spec.fields import Fields, Reading
from headwater.pipelines.spec.own_inputs import OwnInputs
from headwater.pipelines.spec.shapes import (
    DatumSet,
    Egress,
    OutputSpec,
    PipelineSpec,
    Reprocess,
    Resources,
    Service,
    Spout,
    Transform,
)

FIELDS = (
    *("name", "description", "kind", "input", "output", "transform", "parallelism"),
    *("datum_tries", "datum_timeout", "job_timeout", "datum_set", "resources", "reprocess"),
    *("egress", "spout", "service", "coalesce", "follow", "priority", "metadata"),
)
TRANSFORM = (
    *("command", "function", "setup", "batch", "code", "stdin", "env", "secrets", "packages"),
    *("image", "accept", "recovery", "recovery_stdin", "working_folder"),
)
DATUM_SET = ("number", "size", "per_worker")
RESOURCES = ("cpu", "memory", "gpu")
EGRESS = ("url", "format", "columns")
_FORMATS = ("csv", "json", "parquet")
_SHELL = ("sh", "-c")
_SHELL_SIGNS = frozenset("|&;<>()$`\\\"'*?[]#~=%!{}\n")
# What a shell does itself: there is no such program.
_SHELL_WORDS = frozenset(
    {".", ":", "cd", "eval", "exec", "exit", "export", "read", "set"}
    | {"shift", "trap", "ulimit", "umask", "unset", "wait"}
)


def read_own(reading: Reading) -> PipelineSpec | None:
    """Returns the spec that a document means; none where its mistakes leave nothing to make one of."""
    fields = Fields(reading, reading.document.value, (), FIELDS)
    if not fields.names():
        if isinstance(reading.document.value, dict) and not reading.mistakes:
            reading.mistake((), "is empty: a name, an input and a transform are expected")
        return None
    if "name" not in fields:
        reading.mistake(("name",), "is missing: what is the pipeline called?")
    name = fields.text("name", "unnamed", read=checks.repo_name)
    transform = read_transform(fields) if "transform" in fields else None
    inputs = OwnInputs(reading, name, for_function=bool(transform and transform.function))
    seen = len(reading.mistakes)
    input = inputs.read(fields.raw("input"), fields.at("input")) if "input" in fields else None
    spec = PipelineSpec(
        name=name,
        kind=_kind(fields),
        input=input,
        output=_output(fields, name),
        transform=transform,
        reprocess=_reprocess(fields),
        parallelism=_parallelism(fields),
        datum_tries=fields.whole("datum_tries", 3, least=1),
        datum_timeout_s=fields.measured("datum_timeout", units.seconds, None, above=0),
        job_timeout_s=fields.measured("job_timeout", units.seconds, None, above=0),
        datum_set=_datum_set(fields) if "datum_set" in fields else None,
        resources=_resources(fields) if "resources" in fields else None,
        egress=_egress(fields) if "egress" in fields else None,
        spout=_spout(fields) if "spout" in fields else None,
        service=_service(fields) if "service" in fields else None,
        follow=fields.flag("follow", default=True),
        coalesce=fields.flag("coalesce", default=True),
        priority=fields.whole("priority", least=None),
        description=fields.text("description"),
        metadata=fields.pairs("metadata"),
    )
    if input is not None or "input" not in fields or len(reading.mistakes) == seen:
        checks.check_whole(reading, spec, inputs.places)
    return spec


def read_transform(fields: Fields) -> Transform:
    """Returns a transform in the own form."""
    inner = fields.section("transform", TRANSFORM)
    env, secrets = inner.pairs("env"), inner.pairs("secrets")
    checks.check_variables(inner, "env", env)
    checks.check_secrets(inner, "secrets", secrets)
    for variable in env.keys() & secrets.keys():
        inner.mistake("secrets", f"{variable!r} is in `env` too: write one of them")
    check_fit(inner, ("stdin", "accept", "image", "working_folder"), ("recovery", "recovery_stdin"))
    return Transform(
        function=inner.text("function", read=checks.function_place),
        setup=inner.text("setup", read=checks.function_place),
        batch=inner.whole("batch", 1, least=1),
        command=_command(inner, "command"),
        stdin=_lines(inner, "stdin"),
        accept=inner.wholes("accept"),
        image=inner.text("image"),
        recovery=_command(inner, "recovery"),
        recovery_stdin=_lines(inner, "recovery_stdin"),
        env=env,
        secrets=secrets,
        packages=inner.texts("packages"),
        code=inner.text("code"),
        working_folder=inner.text("working_folder"),
    )


def check_fit(inner: Fields, of_commands: Sequence[str], recovery: tuple[str, str]) -> None:
    """Keeps a mistake for each field that belongs to the other kind of transform, or to nothing."""
    is_function = bool(inner.raw("function"))
    for field in ("setup", "batch"):
        if field in inner and not is_function:
            inner.mistake(field, "belongs to a `function`, and there is none")
    for field in of_commands:
        if field in inner and is_function:
            inner.mistake(field, "belongs to a command, and this is a `function`")
    command, stdin = recovery
    if stdin in inner and not inner.raw(command):
        inner.mistake(stdin, f"belongs to `{command}`, and there is none")


def _command(inner: Fields, name: str) -> tuple[str, ...]:
    """Returns a command's words; a text that needs a shell gets one."""
    value = inner.raw(name)
    if not isinstance(value, str):
        return inner.texts(name) if name in inner else ()
    if not value.strip():
        inner.mistake(name, "is empty: write the command as one text or as a list of its words")
        return ()
    if _needs_shell(value.strip("\n")):
        return (*_SHELL, value.strip("\n"))
    return tuple(value.split())


def _lines(inner: Fields, name: str) -> tuple[str, ...]:
    value = inner.raw(name)
    return tuple(value.rstrip("\n").split("\n")) if isinstance(value, str) else inner.texts(name)


def _kind(fields: Fields) -> str:
    told = "spout" if "spout" in fields else "service" if "service" in fields else "transform"
    if "spout" in fields and "service" in fields:
        fields.mistake("service", "stands beside `spout`: a pipeline is one of them")
    kind = fields.text("kind", told)
    if kind == "train":
        fields.mistake("kind", "models are trained by a request of their own: headwater train -f REQUEST")
    elif kind != told and kind in {"spout", "service"}:
        fields.mistake("kind", f"write `{kind}: {{}}` instead")
    elif kind != told:
        options = ("transform", "spout", "service")
        fields.mistake("kind", f"{kind!r} does not fit; {did_you_mean(kind, options)}")
    return told


def _output(fields: Fields, name: str) -> OutputSpec:
    value = fields.raw("output", name)
    if isinstance(value, str):
        repo, _, branch = value.partition("@")
        branch, place = branch or "main", fields.at("output")
        repo_place = branch_place = place
    else:
        inner = fields.section("output", ("repo", "branch"))
        repo, branch = inner.text("repo", name), inner.text("branch", "main")
        repo_place, branch_place = inner.at("repo"), inner.at("branch")
    reading = fields.reading
    if "output" in fields:
        repo = reading.tried(repo_place, checks.repo_name, repo, name)
    if "/" in repo:
        reading.mistake(
            repo_place,
            f"{repo!r} is written by Headwater alone: choose a name without {repo.partition('/')[0]}/",
        )
    return OutputSpec(repo, reading.tried(branch_place, checks.branch_name, branch, "main"))


def _reprocess(fields: Fields) -> Reprocess:
    options = get_args(Reprocess)
    found: Reprocess = fields.choice("reprocess", options, "on_code_change")  # type: ignore[assignment]  # one of the options
    return found


def _parallelism(fields: Fields) -> int:
    if fields.raw("parallelism") == "auto":
        return 0
    return fields.whole("parallelism", 0, least=1)


def _datum_set(fields: Fields) -> DatumSet | None:
    inner = fields.section("datum_set", DATUM_SET)
    found = DatumSet(
        number=inner.whole("number"),
        size=inner.measured("size", units.size_bytes, 0),
        per_worker=inner.whole("per_worker"),
    )
    return found if found != DatumSet() else None


def _resources(fields: Fields) -> Resources | None:
    inner = fields.section("resources", RESOURCES)
    found = Resources(
        cpu=inner.measured("cpu", units.core_count, 0.0),
        memory=inner.measured("memory", units.size_bytes, 0),
        gpu=inner.measured("gpu", units.core_count, 0.0),
    )
    return found if found != Resources() else None


def _egress(fields: Fields) -> Egress | None:
    value = fields.raw("egress")
    if isinstance(value, str):
        return Egress(value)
    inner = fields.section("egress", EGRESS)
    url = inner.text("url")
    if not url:
        fields.mistake("egress", "`url` is missing: where does the output go?")
        return None
    return Egress(url, inner.choice("format", _FORMATS, ""), inner.texts("columns"))  # type: ignore[arg-type]  # one of the formats


def _spout(fields: Fields) -> Spout:
    value = fields.raw("spout")
    if isinstance(value, bool) and value:
        return Spout()
    return Spout(overwrite=fields.section("spout", ("overwrite",)).flag("overwrite"))


def _service(fields: Fields) -> Service:
    value = fields.raw("service")
    port = value if isinstance(value, int) and not isinstance(value, bool) else None
    if port is None:
        port = fields.section("service", ("port",)).whole("port")
    if port > 65_535 or port < 0:
        fields.mistake("service", f"{port} is no port: 0 (any) to 65535")
        port = 0
    return Service(port)


def is_shell_line(words: Sequence[str]) -> bool:
    """Tells whether a command is one that was written as a text for a shell."""
    return (
        len(words) == 3
        and tuple(words[:2]) == _SHELL
        and words[2] == words[2].strip("\n")
        and _needs_shell(words[2])
    )


def _needs_shell(line: str) -> bool:
    words = line.split(maxsplit=1)
    return bool(set(line) & _SHELL_SIGNS) or (bool(words) and words[0] in _SHELL_WORDS)
