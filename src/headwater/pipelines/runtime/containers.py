"""Runs a datum's command in a container image, through podman or docker.

Inputs and output are mounted as `/pfs/<input>` and `/pfs/out`, as people who
come from Pachyderm know them, and `$HEADWATER_INPUT` names the same places.
The tool is a child of the launcher as any command is; the container itself may
not be, so the launcher is told how to end it.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from headwater.pipelines.errors import CommandFailed, CommandNotFound, NoContainerTool
from headwater.pipelines.runtime import places
from headwater.pipelines.runtime.namespace import PLACE
from headwater.pipelines.sets import Piece, Recipe
from headwater.settings import container_environment

_TOOLS = ("podman", "docker")
_PROBE = {"podman": ("info",), "docker": ("version", "--format", "{{.Server.Version}}")}
_PROBE_S = 20.0
_AT_ONCE = {"podman": ("--time", "0")}  # docker does not wait when it removes a container by force
_CODE = "/headwater/code"
_TOOL_FAILED, _NOT_RUNNABLE, _NOT_FOUND = 125, 126, 127


class Container(NamedTuple):
    """A command line that runs a container, its environment, and the command line that ends it."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    ending: Sequence[str]


def find_tool() -> str:
    """Returns the container tool that works here.

    Raises:
        NoContainerTool: There is none, or none that works; the message says what each one said.
    """
    refusals = []
    environment = container_environment()
    for name in _TOOLS:
        tool = shutil.which(name, path=environment.get("PATH"))
        if tool is None:
            refusals.append(f"{name} is not installed")
            continue
        try:
            done = subprocess.run(  # noqa: S603 - found by name in PATH
                [tool, *_PROBE[name]], env=environment, capture_output=True, timeout=_PROBE_S, check=False
            )
        except subprocess.TimeoutExpired:
            refusals.append(f"{name} did not answer in {_PROBE_S:g} s")
            continue
        if done.returncode == 0:
            return tool
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        refusals.append(f"{name} does not work ({lines[-1] if lines else 'it says nothing'})")
    raise NoContainerTool(
        f"The pipeline's image cannot be run here: {'; '.join(refusals)}.",
        hint="Install podman (`apt-get install podman`), or run workers where it is; or leave out `image`.",
    )


def wrap(
    tool: str,
    recipe: Recipe,
    pieces: Sequence[Piece],
    folders: places.Folders,
    code: Path | None,
    argv: Sequence[str],
    datum: str,
    *,
    interactive: bool = False,
) -> Container:
    """Returns what runs a command in the recipe's image with a datum's folders."""
    name, transform = f"headwater-{uuid4().hex}", recipe.transform
    told = places.variables(recipe, pieces, PLACE, f"{PLACE}/out", datum=datum)
    options = ["--name", name, "--volume", f"{folders.output}:{PLACE}/out"]
    for one in sorted(folders.inputs.iterdir()):
        options += ["--volume", f"{one}:{PLACE}/{one.name}:ro"]
    if code is not None:
        options += ["--volume", f"{code}:{_CODE}:ro"]
    folder = Path(_CODE if code is not None else "/") / transform.working_folder
    if code is not None or transform.working_folder:
        options += ["--workdir", str(folder)]
    if Path(tool).name == "docker":
        options += _of_docker(recipe)
    for variable, value in {**transform.env, **told}.items():
        options += ["--env", f"{variable}={value}"]
    # Values of secrets stay off the command line, which every user of the machine can read.
    options += [word for variable in recipe.secrets for word in ("--env", variable)]
    options += ["--interactive", "--tty"] if interactive else ["--interactive"]  # its lines are read
    if argv:
        options += ["--entrypoint", ""]
    return Container(
        [tool, "run", "--rm", *options, transform.image, *argv],
        {**container_environment(), **recipe.secrets},
        [tool, "rm", "--force", *_AT_ONCE.get(Path(tool).name, ()), name],
    )


def explain(image: str, argv: Sequence[str], code: int | None, last: str) -> None:
    """Raises what the statuses of the container tool mean; those of the command itself pass.

    Raises:
        CommandFailed: The image cannot be had or run.
        CommandNotFound: The image has no such program.
    """
    if code == _TOOL_FAILED:
        raise CommandFailed(
            f"The image {image!r} could not be run: {last}",
            hint="Check its name, and that this machine can pull it or has it.",
        )
    if code in {_NOT_RUNNABLE, _NOT_FOUND} and ("not found" in last or "no such file" in last.lower()):
        raise CommandNotFound(
            f"The command {argv[0] if argv else ''!r} is not found in the image {image!r}: {last}",
            hint="Name a program that the image has, with its whole path if need be.",
        )


def _of_docker(recipe: Recipe) -> list[str]:
    """Docker's engine starts the container, so limits and users do not come from this process."""
    options = ["--memory", str(recipe.memory)] if recipe.memory else []
    return options if os.geteuid() == 0 else [*options, "--user", f"{os.geteuid()}:{os.getegid()}"]
