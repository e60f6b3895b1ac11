"""Container images: makes sure that one is here, and tells what the tool says of it from what its command says.

An image is pulled before it is run, once for a process: what a registry says
is then told apart from what a run says, and pulling takes no datum's time.
"""

import subprocess
from collections.abc import Sequence

from headwater.pipelines.runtime.containers import Tool
from headwater.pipelines.runtime.errors import CommandNotFound, ImageUnavailable
from headwater.settings import container_environment

_LOOK_S, _PULL_S = 20.0, 3600.0
_TOOL_FAILED, _NOT_RUNNABLE, _NOT_FOUND = 125, 126, 127
_NO_DEVICE = ("CDI", "device driver")
# How a line of the tool itself begins; docker says below it where to find help.
_OWN_WORDS, _LAST_LINES = ("Error: ", "docker: ", "Error response from daemon: "), 4
# What a registry will say again; anything else may be the network.
_FOR_GOOD = (
    *("manifest unknown", "not found", "no such image", "does not exist", "repository name"),
    *("denied", "unauthorized", "authentication required", "forbidden"),
    *("invalid reference", "short-name", "no matching manifest"),
)
_LOCAL = "localhost/"  # where podman keeps what was built here; nobody answers there


def have(tool: Tool, image: str, id: str = "") -> None:
    """Makes sure that an image is here, and pulls it where it is not.

    Args:
        tool: Who has it.
        image: Its name.
        id: Which one of that name; whichever it is now where empty.

    Raises:
        ImageUnavailable: It cannot be pulled, or the name means another one.
    """
    if _is_here(tool, id or image):
        return
    is_other = bool(id) and _is_here(tool, image)
    pulled = _ask(tool, ("pull", "--quiet", image), _PULL_S)
    if id and (is_other if pulled.returncode else not _is_here(tool, id)):
        raise _is_another(image, id)
    if pulled.returncode:
        lines = pulled.stderr.strip().splitlines()
        said = lines[-1].strip() if lines else "the tool says nothing"
        is_final = image.startswith(_LOCAL) or any(one in pulled.stderr.lower() for one in _FOR_GOOD)
        raise _cannot_pull(image, said, passes=not is_final)


def explain(image: str, argv: Sequence[str], code: int | None, log: bytes) -> None:
    """Raises what the statuses of the container tool mean; those of the command itself pass.

    A command may end with the same statuses. What the tool has to say is in
    words of its own, at the end of what was printed.

    Raises:
        CommandNotFound: The image has no such program.
        ImageUnavailable: The image cannot be run.
    """
    if code not in {_TOOL_FAILED, _NOT_RUNNABLE, _NOT_FOUND}:
        return
    lines = log.decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
    said = next((one for one in reversed(lines) if one.startswith(_OWN_WORDS)), "")
    if any(word in said for word in _NO_DEVICE):
        raise ImageUnavailable(
            f"The image {image!r} could not be given a GPU: {said}",
            hint="Install the NVIDIA Container Toolkit where workers run; for podman, also let "
            "`nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml` describe the GPUs.",
            passes=False,
        )
    if said and code == _TOOL_FAILED:
        raise ImageUnavailable(
            f"The image {image!r} could not be run: {said}",
            hint="Run it by hand where the worker is, with `podman run --rm` or `docker run --rm`.",
            passes=True,
        )
    if said:
        raise CommandNotFound(
            f"The command {argv[0] if argv else ''!r} is not found in the image {image!r}: {said}",
            hint="Name a program that the image has, with its whole path if need be.",
        )


def _is_here(tool: Tool, image: str) -> bool:
    return _ask(tool, ("image", "inspect", image), _LOOK_S).returncode == 0


def _ask(tool: Tool, words: Sequence[str], timeout_s: float) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(  # noqa: S603 - the tool that was found
            [tool.program, *words],
            env=container_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _cannot_pull(words[-1], f"no answer within {timeout_s:,g} s", passes=True) from None


def _cannot_pull(image: str, said: str, *, passes: bool) -> ImageUnavailable:
    return ImageUnavailable(
        f"The image {image!r} is not here and cannot be pulled: {said}",
        hint="Check its name, and that this machine reaches its registry and may read it (`podman login`, "
        "`docker login`); or build or load it here.",
        passes=passes,
    )


def _is_another(image: str, id: str) -> ImageUnavailable:
    return ImageUnavailable(
        f"The image {image!r} is another one by now, or on this machine, than the {id} that the job began with.",
        hint="Begin a new job where its tag was moved; or let all workers pull it from one registry.",
        passes=False,
    )
