"""The process of a spout or service in a container image, through podman or docker.

The output folder of a spout is mounted as `/pfs/out`, the inputs of a service
as `/pfs/<input>`. A service has a network of its own, in which it listens on
every address, and of the machine's addresses the loopback alone leads there.
"""

from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from headwater.pipelines.longrun.process import Order
from headwater.pipelines.longrun.protocol import HOST, Told
from headwater.pipelines.runtime import containers
from headwater.pipelines.runtime.errors import NoContainerTool
from headwater.pipelines.runtime.launch.namespace import PLACE
from headwater.pipelines.spec import PipelineSpec, Resources, Transform
from headwater.settings import container_environment, thread_variables

LOCK = "lock"
# Else a machine may be set up to let containers share its own, where nothing is published and all is seen.
_NETWORK = {"podman": ("--network", "private")}


def wrapped(
    spec: PipelineSpec,
    transform: Transform,
    home: Path,
    told: Told,
    secrets: Mapping[str, str],
    variables: Mapping[str, str],
    stdin: Path | None,
) -> Order:
    """Returns what runs a command in its image.

    Args:
        spec: What the pipeline runs.
        transform: The same, of which it names the image.
        home: The pipeline's folder, whose lock the caller holds, with its `code`.
        told: Where its files are, and its port.
        secrets: Those that the spec names, with their values.
        variables: What the process is told of its pipeline.
        stdin: What it reads.

    Raises:
        NoContainerTool: Nothing here can run one.
    """
    tool, name, code = containers.find_tool(), f"headwater-{uuid4().hex}", home / "code"
    asked = spec.resources or Resources()
    options = containers.run_options(
        tool, name, home / LOCK, cpu=asked.cpu, memory=asked.memory, gpu=asked.gpu
    )
    options += containers.working_folder(code if any(code.iterdir()) else None, transform.working_folder)
    moved: dict[str, str] = {}
    if spec.kind == "spout":
        options += ["--volume", f"{told.folder}:{PLACE}/out"]
        moved["HEADWATER_OUTPUT"] = f"{PLACE}/out"
    else:
        names = [item.name for item in spec.inputs()]
        for input in names:
            options += ["--volume", f"{told.folder}/{input}:{PLACE}/{input}:ro"]
        options += [*_NETWORK.get(tool.name, ()), "--publish", f"{HOST}:{told.port}:{told.port}"]
        moved |= {"HEADWATER_INPUT": PLACE, "HEADWATER_HOST": "0.0.0.0"}  # noqa: S104 - inside of the container
        moved |= {input: f"{PLACE}/{input}" for input in names}
    threads = thread_variables(round(asked.cpu)) if asked.cpu >= 1 else {}
    for variable, value in {**threads, **transform.env, **variables, **moved}.items():
        options += ["--env", f"{variable}={value}"]
    # Values of secrets stay off the command line, which every user of the machine can read.
    options += [word for variable in secrets for word in ("--env", variable)]
    options += ["--interactive", *(["--entrypoint", ""] if transform.command else [])]
    argv = [tool.program, "run", *options, transform.image, *transform.command]
    environment = {**container_environment(), **secrets}
    return Order(argv, environment, code, stdin, ending=containers.ending(tool, name))


def clear(home: Path) -> None:
    """Ends what others left running that held the lock of a pipeline's folder, which the caller holds now."""
    try:
        containers.clear(containers.find_tool(), own=home / LOCK)
    except NoContainerTool:  # so there are none
        return
