"""What both forms of a spec check alike: names, references to secrets, and whether the parts fit one another."""

import re
from collections.abc import Mapping, Sequence

from headwater.pipelines.spec.algebra import mistakes
from headwater.pipelines.spec.document import Place
from headwater.pipelines.spec.fields import Fields, Reading
from headwater.pipelines.spec.shapes import FilesInput, Input, PipelineSpec, leaves_of
from headwater.repos.names import check_branch, check_repo
from headwater.settings import is_read_by_programs

# What a function is given beside its inputs.
OUT, STATE = "out", "state"
SERVICE_NAMES = ("port", "stop")
_PORT = "PORT"
_INPUT_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FUNCTION = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_SECRET = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)")
_COMMIT = re.compile(r"[0-9a-f]{32}")


def repo_name(name: str) -> str:
    """Returns the name, after making sure that a repo can have it."""
    check_repo(name)
    return name


def branch_name(name: str) -> str:
    """Returns the name, after making sure that a branch can have it."""
    check_branch(name, repo="")
    return name


def commit_id(text: str) -> str:
    """Returns a commit's id.

    Raises:
        ValueError: It is none.
    """
    if not _COMMIT.fullmatch(text):
        raise ValueError("the id of a commit has 32 hexadecimal digits; `headwater log REPO` shows them")
    return text


def input_name(name: str) -> str:
    """Returns the name of an input.

    Raises:
        ValueError: No input can have it.
    """
    if not _INPUT_NAME.fullmatch(name):
        raise ValueError(
            "a name has letters, digits, -, _ and dots, at most 100, beginning with a letter or digit"
        )
    return name


def function_place(text: str) -> str:
    """Returns where a function is, as `module:name`.

    Raises:
        ValueError: It has another form.
    """
    if not _FUNCTION.fullmatch(text):
        raise ValueError("`module:name` is expected, such as steps.clean:main")
    return text


def tick_repo(pipeline: str, name: str) -> str:
    """Returns the repo that the ticks of a pipeline's clock are committed to."""
    return plain_name(f"{pipeline.rpartition('/')[2]}-{name}")


def plain_name(name: str) -> str:
    """Returns a name as repos have them: lower case, with - for what they cannot have."""
    return re.sub(r"[^a-z0-9-]", "-", name.lower()).lstrip("-")[:100]


def default_name(repo: str, *, for_function: bool) -> str:
    """Returns what an input is called after its repo; a function's parameter has no dash in it."""
    name = repo.rpartition("/")[2]
    return name.replace("-", "_") if for_function else name


def check_variables(fields: Fields, name: str, found: Mapping[str, str]) -> None:
    """Keeps a mistake for each name that no environment variable can have."""
    for variable in found:
        if not _VARIABLE.fullmatch(variable):
            fields.reading.mistake(
                (*fields.at(name), variable), "the name of a variable has letters, digits and _ only"
            )


def check_secrets(fields: Fields, name: str, found: Mapping[str, str]) -> None:
    """Keeps a mistake for each secret that is there itself, not where it is kept; its value is not told."""
    check_variables(fields, name, found)
    for variable, where in found.items():
        if not _SECRET.fullmatch(where):
            fields.reading.mistake(
                (*fields.at(name), variable),
                "a secret is not written into a spec: write env:NAME (of the worker) or file:PATH",
            )


def check_input(reading: Reading, input: Input, places: Mapping[str, Place]) -> None:
    """Keeps what is wrong with the algebra of an input, at the places where its nodes were written."""
    for path, message in mistakes(input):
        node = max((one for one in places if _is_above(one, path)), key=len, default="")
        rest = path[len(node) :].lstrip(".") if node else path
        reading.mistake((*places.get(node, ()), *([rest] if rest else [])), message)


def _is_above(node: str, path: str) -> bool:
    return path == node or (path.startswith(node) and path[len(node)] in ".[")


def check_whole(reading: Reading, spec: PipelineSpec, places: Mapping[str, Place]) -> None:
    """Keeps what is wrong between the parts of a spec."""
    if spec.input is not None:
        check_input(reading, spec.input, places)
        at = places.get("input", ("input",))
        for leaf in leaves_of(spec.input):
            if (leaf.repo, leaf.branch) == (spec.output.repo, spec.output.branch) and leaf.commit is None:
                reading.mistake(at, f"reads {leaf.repo}@{leaf.branch}, which is where the output goes")
            _check_parameter(reading, spec, leaf, at)
        _check_places(reading, spec, at)
        if spec.kind == "service":
            _check_names_of_service(reading, leaves_of(spec.input), at)
    elif spec.kind != "spout":
        reading.mistake(("input",), "is missing: say what the pipeline reads, or make it a `spout`")
    if spec.kind == "spout" and spec.input is not None:
        reading.mistake(places.get("input", ("input",)), "a spout has no input: it makes what it commits")
    transform = spec.transform
    if transform is None or not (transform.function or transform.command):
        if not any("transform" in one["field"] for one in reading.mistakes):
            reading.mistake(("transform",), "is missing: say `command` or `function`")
    elif transform.function and transform.command:
        reading.mistake(("transform",), "has a `function` and a `command`: choose one")
    if transform is not None and transform.image.startswith(
        "-"
    ):  # the container tool would take it for an option
        reading.mistake(("transform", "image"), f"{transform.image!r} is no name of an image")


def _check_parameter(reading: Reading, spec: PipelineSpec, leaf: FilesInput, at: Place) -> None:
    if spec.transform is None or not spec.transform.function:
        return
    if not leaf.name.isidentifier():
        reading.mistake(
            at, f"the input {leaf.name!r} is a parameter of a function: give it a `name` without such signs"
        )
    elif leaf.name in {STATE, *(SERVICE_NAMES if spec.kind == "service" else ())}:
        reading.mistake(
            at,
            f"no input can have the name {leaf.name!r}, under which a function is given something else; choose another",
        )


def _check_places(reading: Reading, spec: PipelineSpec, at: Place) -> None:
    """Keeps a mistake for each variable by which a command would find an input, and which is another one already."""
    transform = spec.transform
    if spec.input is None or transform is None or not (transform.command or spec.kind == "service"):
        return
    given = {**dict.fromkeys(transform.env, "`env`"), **dict.fromkeys(transform.secrets, "`secrets`")}
    if spec.kind == "service":
        given[_PORT] = "a service"
    names = list(dict.fromkeys(leaf.name for leaf in leaves_of(spec.input)))
    for name in names:
        for variable, what in ((name, "place"), (f"{name}_COMMIT", "commit")):
            if is_read_by_programs(variable):
                whose = "has a meaning of its own"
            elif variable in given:
                whose = f"is a variable of {given[variable]}"
            elif what == "commit" and variable in names:
                whose = f"is the place of the input {variable!r}"
            else:
                continue
            told = f"the {what} of the input {name!r} would be in ${variable}, which {whose}"
            reading.mistake(at, f"{told}: give the input another `name`")


def _check_names_of_service(reading: Reading, leaves: Sequence[FilesInput], at: Place) -> None:
    """Keeps a mistake for each name of several inputs, which a union of datums may have, but a service sees at once."""
    names = [leaf.name for leaf in leaves]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            read = " and ".join(
                f"{leaf.repo}@{leaf.branch or leaf.commit}" for leaf in leaves if leaf.name == name
            )
            reading.mistake(
                at,
                f"{read} have the name {name!r}; a service sees all of its inputs at once, so give each another `name`",
            )
