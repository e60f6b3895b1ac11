"""Runs commands in a container image, through podman or docker.

Inputs and output are mounted as `/pfs/<input>` and `/pfs/out`, as people who
come from Pachyderm know them, and `$HEADWATER_INPUT` names the same places.
The tool is a child of the launcher as any command is; the container itself may
not be, so the launcher is told how to end it. Should the launcher be killed
too, whoever runs containers next ends those whose owner's lock nobody holds.
"""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import msgspec

from headwater.pipelines.runtime import places
from headwater.pipelines.runtime.errors import NoContainerTool
from headwater.pipelines.runtime.launch.namespace import PLACE
from headwater.pipelines.sets import Piece, Recipe
from headwater.settings import container_environment, gpus, thread_variables

CODE = "/headwater/code"
KILLED = 128 + signal.SIGKILL  # what a tool says of a container that exceeds its memory
_TOOLS = ("podman", "docker")
_PROBE = {
    "podman": ("info", "--format", "{{json .Host.CgroupControllers}}"),
    "docker": ("version", "--format", "{{.Server.Version}}"),
}
_PROBE_S = 20.0
_HOST, _LOCK = "headwater.host", "headwater.lock"  # labels


class Tool(NamedTuple):
    """A container tool that works here: its program, and what of a container it can limit."""

    program: str
    limits: frozenset[str]

    @property
    def name(self) -> str:
        """Which tool it is."""
        return Path(self.program).name

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command of the tool.

        Raises:
            subprocess.TimeoutExpired: It takes too long.
        """
        return subprocess.run(  # noqa: S603 - found by name in PATH
            [self.program, *words],
            env=container_environment(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROBE_S,
            check=False,
        )


class Container(NamedTuple):
    """A command line that runs a container, its environment, and the command line that ends it."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    ending: Sequence[str]


def find_tool() -> Tool:
    """Returns the container tool that works here.

    Raises:
        NoContainerTool: There is none, or none that works; the message says what each one said.
    """
    refusals, is_late = list[str](), False
    path = container_environment().get("PATH")
    for name in _TOOLS:
        program = shutil.which(name, path=path)
        if program is None:
            refusals.append(f"{name} is not installed")
            continue
        tool = Tool(program, frozenset())
        try:
            done = tool.command(*_PROBE[name])
        except subprocess.TimeoutExpired:
            refusals.append(f"{name} did not answer in {_PROBE_S:g} s")
            is_late = True
            continue
        if done.returncode == 0:
            return tool._replace(limits=_limits(name, done.stdout))
        lines = done.stderr.strip().splitlines()
        refusals.append(f"{name} does not work ({lines[-1] if lines else 'it says nothing'})")
    error = NoContainerTool(
        f"The pipeline's image cannot be run here: {'; '.join(refusals)}.",
        hint="Install podman (`apt-get install podman`), or run workers where it is; or leave out `image`.",
    )
    error.passes = is_late
    raise error


def clear(tool: Tool, own: Path | None = None) -> None:
    """Ends the containers of this machine whose owner is gone, and those of a lock that the caller holds itself.

    A tool that does not answer is left alone: what it is asked next says why.
    """
    form = f'{{{{.Id}}}} {{{{index .Config.Labels "{_LOCK}"}}}}'
    mine = f"label={_HOST}={socket.gethostname()}"
    try:
        known = tool.command("ps", "--all", "--no-trunc", "--quiet", "--filter", mine).stdout.split()
        if not known:
            return
        told = tool.command("inspect", "--type", "container", "--format", form, *known).stdout
        found = (line.partition(" ") for line in told.splitlines())
        left = [id for id, _, lock in found if lock and (Path(lock) == own or _is_free(Path(lock)))]
        if left:
            tool.command("rm", "--force", *left)
    except (OSError, subprocess.TimeoutExpired):
        return


def ending(tool: Tool, name: str) -> list[str]:
    """Returns the command line that ends a container at once and removes it."""
    return [tool.program, "rm", "--force", name]


def run_options(
    tool: Tool, name: str, lock: Path | None, *, cpu: float, memory: int, gpu: float
) -> list[str]:
    """Returns the options that every container gets: its name and owner, what it may use, and as whom it runs.

    Its owner is whoever holds the lock of a file of this machine; without one nobody but itself ends it.
    """
    # Without time to stop in, `rm --force` ends it at once; podman would wait ten seconds else.
    options = ["--rm", "--name", name, "--stop-timeout", "0"]
    if lock is not None:
        options += ["--label", f"{_HOST}={socket.gethostname()}", "--label", f"{_LOCK}={lock}"]
    if memory and "memory" in tool.limits:
        options += ["--memory", f"{memory}b", "--memory-swap", f"{memory}b"]  # the same: none of it is swap
    if cpu and "cpu" in tool.limits:
        options += ["--cpus", f"{cpu:g}"]
    if gpu:
        options += _devices(tool, gpus())
    # Docker's engine starts the container, so its user does not come from this process.
    if tool.name == "docker" and os.geteuid() != 0:
        options += ["--user", f"{os.geteuid()}:{os.getegid()}"]
    return options


def working_folder(code: Path | None, folder: str) -> list[str]:
    """Returns the options that show the stored code, and where the command starts: else where the image says."""
    options = [] if code is None else ["--volume", f"{code}:{CODE}:ro"]
    if code is not None or folder:
        options += ["--workdir", str(Path(CODE if code is not None else "/") / folder)]
    return options


def wrap(
    tool: Tool,
    recipe: Recipe,
    pieces: Sequence[Piece],
    folders: places.Folders,
    code: Path | None,
    argv: Sequence[str],
    datum: str,
    *,
    lock: Path | None,
) -> Container:
    """Returns what runs a command in the recipe's image with a datum's folders.

    It belongs to whoever holds the lock; without one, to the person at the terminal.
    """
    name, transform = f"headwater-{uuid4().hex}", recipe.transform
    told = places.variables(recipe, pieces, PLACE, f"{PLACE}/out", datum=datum)
    options = run_options(tool, name, lock, cpu=recipe.cpu, memory=recipe.memory, gpu=recipe.gpu)
    options += ["--volume", f"{folders.output}:{PLACE}/out"]
    for one in sorted(folders.inputs.iterdir()):
        options += ["--volume", f"{one}:{PLACE}/{one.name}:ro"]
    options += working_folder(code, transform.working_folder)
    # Unbuffered, so that a line is there when it is printed.
    usual = {"PYTHONUNBUFFERED": "1", **thread_variables(recipe.threads)}
    for variable, value in {**usual, **transform.env, **told}.items():
        options += ["--env", f"{variable}={value}"]
    # Values of secrets stay off the command line, which every user of the machine can read.
    options += [word for variable in recipe.secrets for word in ("--env", variable)]
    options += ["--interactive", "--tty"] if lock is None else ["--interactive"]  # its lines are read
    if argv:
        options += ["--entrypoint", ""]
    return Container(
        [tool.program, "run", *options, recipe.image_id or transform.image, *argv],
        {**container_environment(), **recipe.secrets},
        ending(tool, name),
    )


def _limits(name: str, told: str) -> frozenset[str]:
    """Returns what a tool can limit; docker warns and goes on where its kernel cannot, podman says so before."""
    if name == "docker":
        return frozenset(("cpu", "memory"))
    try:
        return frozenset(msgspec.json.decode(told, type=list[str] | None) or ())
    except msgspec.DecodeError:
        return frozenset()


def _devices(tool: Tool, named: str | None) -> list[str]:
    """Returns the options that give a container the GPUs that its call was given, or all where nobody chose.

    Podman takes them as the Container Device Interface names them. Docker
    reads the value as a row of a CSV file, so the quotes are part of it.
    """
    names = ["all"] if named is None else [one.strip() for one in named.split(",") if one.strip()]
    if tool.name == "docker":
        return ["--gpus", "all" if named is None else f'"device={",".join(names)}"'] if names else []
    return [word for one in names for word in ("--device", f"nvidia.com/gpu={one}")]


def _is_free(lock: Path) -> bool:
    """Tells whether nobody holds a lock, or its file is gone with its owner's folder."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:  # another user's
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
