"""Reads a spec that was written for Pachyderm, of either era, in snake or camel case.

What can be honoured is. `foreign` lists what is noted and what is refused;
`transform.code`, `function`, `packages` and the like of Headwater's own form
may be added, so that a file that names an image can run without one.
"""

from collections.abc import Mapping
from typing import Any

from headwater.pipelines.spec import checks, units
from headwater.pipelines.spec.fields import Fields, Reading, snake
from headwater.pipelines.spec.foreign import NOTED, REFUSED, TRANSFORM_NOTED, TRANSFORM_REFUSED
from headwater.pipelines.spec.own import check_fit
from headwater.pipelines.spec.pachyderm_inputs import (
    PachydermInputs,
    adopted_name,
    default_branch,
    refuse_project,
)
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

_MARKS = frozenset({"pipeline", "inputs", "parallelism_spec", "reprocess_spec", "output_branch"})
FIELDS = (
    *("pipeline", "description", "metadata", "transform", "parallelism_spec", "input", "inputs"),
    *("output_branch", "egress", "datum_set_spec", "chunk_spec", "datum_tries", "datum_timeout"),
    *("job_timeout", "reprocess_spec", "resource_requests", "resource_limits", "spout", "service"),
    *("follow", "coalesce", "priority", *NOTED, *REFUSED),
)
TRANSFORM = (
    *("image", "cmd", "stdin", "env", "secrets", "err_cmd", "err_stdin", "accept_return_code"),
    *("working_dir", "code", "function", "setup", "batch", "packages", *TRANSFORM_NOTED, *TRANSFORM_REFUSED),
)


def is_pachyderm(value: Any) -> bool:
    """Tells whether a document is in Pachyderm's form: by its fields, not by where it comes from."""
    if not isinstance(value, Mapping):
        return False
    names = {snake(str(name)) for name in value}
    transform = value.get("transform")
    has_cmd = isinstance(transform, Mapping) and "cmd" in transform
    input = value.get("input")
    has_pfs = isinstance(input, Mapping) and "pfs" in input
    if "name" in names:  # no field of Pachyderm's; `inputs` beside it is a slip of the pen
        return bool(names & (_MARKS - {"inputs"}))
    return bool(names & _MARKS) or has_cmd or has_pfs


def read_pachyderm(reading: Reading) -> PipelineSpec | None:
    """Returns the spec that a document means; none where its mistakes leave nothing to make one of."""
    fields = Fields(reading, reading.document.value, (), FIELDS, camel=True)
    _say(fields, NOTED, REFUSED)
    name = _name(fields)
    transform = _transform(fields) if "transform" in fields else None
    inputs = PachydermInputs(reading, name, for_function=bool(transform and transform.function))
    seen = len(reading.mistakes)
    input = None
    if "input" in fields and "inputs" in fields:
        fields.mistake("inputs", "stands beside `input`: write one of them")
    elif "input" in fields:
        input = inputs.read(fields.raw("input"), fields.at("input"))
    elif fields.raw("inputs"):
        input = inputs.read_list(fields.raw("inputs"), fields.at("inputs"))
    branch = fields.text("output_branch", read=default_branch(reading, fields.at("output_branch"))) or "main"
    spec = PipelineSpec(
        name=name,
        kind="spout" if "spout" in fields else "service" if "service" in fields else "transform",
        input=input,
        output=OutputSpec(name, branch),
        transform=transform,
        reprocess=_reprocess(fields),
        parallelism=_parallelism(fields),
        datum_tries=fields.whole("datum_tries", 3) or 3,
        datum_timeout_s=fields.measured("datum_timeout", units.seconds, None, above=0),
        job_timeout_s=fields.measured("job_timeout", units.seconds, None, above=0),
        datum_set=_datum_set(fields),
        resources=_resources(fields),
        egress=_egress(fields) if "egress" in fields else None,
        spout=_spout(fields) if "spout" in fields else None,
        service=_service(fields) if "service" in fields else None,
        follow=fields.flag("follow", default=True),
        coalesce=fields.flag("coalesce", default=True),
        priority=fields.whole("priority", least=None),
        description=fields.text("description"),
        metadata=_metadata(fields),
    )
    if input is not None or len(reading.mistakes) == seen:
        checks.check_whole(reading, spec, inputs.places)
    return spec


def _say(fields: Fields, noted: Mapping[str, str], refused: Mapping[str, str]) -> None:
    for name in fields.names():
        if name in noted:
            fields.reading.note(fields.at(name), noted[name])
        elif name in refused and fields.raw(name):
            fields.mistake(name, f"cannot be had here: {refused[name]}")


def _name(fields: Fields) -> str:
    value = fields.raw("pipeline")
    if isinstance(value, str):
        return adopted_name(fields.reading, fields.at("pipeline"), value)
    inner = fields.section("pipeline", ("name", "project"), camel=True)
    refuse_project(inner)
    if not inner.raw("name"):
        fields.mistake("pipeline", "`name` is missing: what is the pipeline called?")
        return "unnamed"
    return adopted_name(fields.reading, inner.at("name"), inner.text("name"))


def _transform(fields: Fields) -> Transform:
    inner = fields.section("transform", TRANSFORM, camel=True)
    _say(inner, TRANSFORM_NOTED, TRANSFORM_REFUSED)
    env = inner.pairs("env")
    checks.check_variables(inner, "env", env)
    check_fit(inner, ("stdin", "accept_return_code", "image", "working_dir"), ("err_cmd", "err_stdin"))
    return Transform(
        function=inner.text("function", read=checks.function_place),
        setup=inner.text("setup", read=checks.function_place),
        batch=inner.whole("batch", 1, least=1),
        command=inner.texts("cmd"),
        stdin=inner.texts("stdin"),
        accept=inner.wholes("accept_return_code"),
        image=inner.text("image"),
        recovery=inner.texts("err_cmd"),
        recovery_stdin=inner.texts("err_stdin"),
        env=env,
        secrets=_secrets(inner),
        packages=inner.texts("packages"),
        code=inner.text("code"),
        working_folder=inner.text("working_dir"),
    )


def _secrets(inner: Fields) -> dict[str, str]:
    """Returns secrets in the own form; those of Kubernetes are elsewhere."""
    if isinstance(inner.raw("secrets"), Mapping):
        found = inner.pairs("secrets")
        checks.check_secrets(inner, "secrets", found)
        return found
    if inner.raw("secrets"):
        inner.mistake(
            "secrets",
            "there are no secrets of Kubernetes here: write {VARIABLE: env:NAME} or {VARIABLE: file:PATH}, as the workers have it",
        )
    return {}


def _reprocess(fields: Fields) -> Reprocess:
    options = ("until_success", "every_job", "on_code_change")
    found: Reprocess = fields.choice("reprocess_spec", options, "until_success")  # type: ignore[assignment]  # one of them
    return found


def _parallelism(fields: Fields) -> int:
    value = fields.raw("parallelism_spec")
    if value is None:
        return 0
    if not isinstance(value, Mapping):
        return fields.whole("parallelism_spec")
    inner = fields.section("parallelism_spec", ("constant", "coefficient", "strategy"), camel=True)
    strategy = inner.text("strategy", "CONSTANT").upper()
    if strategy not in {"CONSTANT", "COEFFICIENT"}:
        inner.mistake("strategy", f"{strategy!r} is none of CONSTANT, COEFFICIENT")
    if "coefficient" in inner or strategy == "COEFFICIENT":
        fields.reading.note(
            inner.at("coefficient"), "is counted in nodes of a cluster; it means `auto` here."
        )
        return 0
    return inner.whole("constant")


def _datum_set(fields: Fields) -> DatumSet | None:
    name = "datum_set_spec" if "datum_set_spec" in fields else "chunk_spec"
    if name not in fields:
        return None
    inner = fields.section(name, ("number", "size_bytes", "per_worker"), camel=True)
    found = DatumSet(
        inner.whole("number"), inner.measured("size_bytes", units.size_bytes, 0), inner.whole("per_worker")
    )
    return found if found != DatumSet() else None


def _resources(fields: Fields) -> Resources | None:
    cpu, memory, gpu = 0.0, 0, 0.0
    for name in ("resource_requests", "resource_limits"):
        if name not in fields:
            continue
        inner = fields.section(name, ("cpu", "memory", "gpu", "disk"), camel=True)
        if "disk" in inner:
            fields.reading.note(
                inner.at("disk"), "has no effect: workers use the disk of their scratch folder."
            )
        cpu = cpu or inner.measured("cpu", units.core_count, 0.0)
        memory = inner.measured("memory", units.size_bytes, 0) or memory
        if isinstance(inner.raw("gpu"), Mapping):
            gpu = inner.section("gpu", ("type", "number"), camel=True).measured(
                "number", units.core_count, 0.0
            )
        else:
            gpu = inner.measured("gpu", units.core_count, 0.0) or gpu
    found = Resources(cpu, memory, gpu)
    return found if found != Resources() else None


def _egress(fields: Fields) -> Egress | None:
    value = fields.raw("egress")
    if isinstance(value, Mapping):  # the first field's name is written in capitals there
        value = {("url" if str(key).lower() == "url" else key): inner for key, inner in value.items()}
    inner = Fields(
        fields.reading, value, fields.at("egress"), ("url", "object_storage", "sql_database"), camel=True
    )
    if len(inner.names()) != 1:
        fields.mistake("egress", "one of URL, object_storage and sql_database is expected")
        return None
    if "url" in inner:
        return Egress(inner.text("url"))
    if "object_storage" in inner:
        return Egress(inner.section("object_storage", ("url",), camel=True).text("url"))
    database = inner.section("sql_database", ("url", "file_format", "secret"), camel=True)
    if database.raw("secret"):
        database.mistake(
            "secret",
            "there are no secrets of Kubernetes here: keep the whole URL where the workers have it and write `url: env:NAME`",
        )
    form = database.section("file_format", ("type", "columns"), camel=True)
    format = form.text("type").lower()
    if format not in {"csv", "json", "parquet", ""}:
        form.mistake("type", f"{format!r} is none of CSV, JSON, PARQUET")
        format = ""
    return Egress(database.text("url"), format, form.texts("columns"))  # type: ignore[arg-type]  # one of them


def _spout(fields: Fields) -> Spout:
    inner = fields.section("spout", ("overwrite", "service", "marker"), camel=True)
    if inner.raw("marker"):
        inner.mistake("marker", "a spout keeps no marker here: commit its state as a file, and read it again")
    if inner.raw("service"):
        fields.reading.note(inner.at("service"), "has no effect: a spout may listen on any port by itself.")
    return Spout(inner.flag("overwrite"))


def _service(fields: Fields) -> Service:
    inner = fields.section(
        "service", ("internal_port", "external_port", "ip", "type", "annotations"), camel=True
    )
    for name in ("ip", "type", "annotations"):
        if name in inner:
            fields.reading.note(inner.at(name), NOTED["pod_spec"])
    port = inner.whole("internal_port") or inner.whole("external_port")
    if "external_port" in inner and inner.whole("external_port") != port:
        fields.reading.note(
            inner.at("external_port"), f"has no effect: the process answers on {port} itself."
        )
    if port > 65_535:
        fields.mistake("service", f"{port} is no port")
        port = 0
    return Service(port)


def _metadata(fields: Fields) -> dict[str, str]:
    if "metadata" not in fields:
        return {}
    inner = fields.section("metadata", ("annotations", "labels"), camel=True)
    return {**inner.pairs("annotations"), **inner.pairs("labels")}
