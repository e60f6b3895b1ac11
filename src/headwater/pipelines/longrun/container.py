"""The process of a spout or service in a container image, through podman or docker.

The output folder of a spout is mounted as `/pfs/out`, the inputs of a service
as `/pfs/<input>`. A service listens on every address inside of its container,
of which the machine's loopback alone leads there.
"""

from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from headwater.pipelines.longrun.process import Order
from headwater.pipelines.longrun.protocol import HOST, Told
from headwater.pipelines.runtime.containers import find_tool
from headwater.pipelines.runtime.namespace import PLACE
from headwater.pipelines.spec import PipelineSpec, Transform
from headwater.settings import container_environment

_CODE = "/headwater/code"


def wrapped(
    spec: PipelineSpec,
    transform: Transform,
    code: Path,
    told: Told,
    secrets: Mapping[str, str],
    variables: Mapping[str, str],
    stdin: Path | None,
) -> Order:
    """Returns what runs a command in its image.

    Raises:
        NoContainerTool: Nothing here can run one.
    """
    tool, name = find_tool(), f"headwater-{uuid4().hex}"
    options = ["--name", name, "--volume", f"{code}:{_CODE}:ro"]
    options += ["--workdir", f"{_CODE}/{transform.working_folder}".rstrip("/")]
    moved: dict[str, str] = {}
    if spec.kind == "spout":
        options += ["--volume", f"{told.folder}:{PLACE}/out"]
        moved["HEADWATER_OUTPUT"] = f"{PLACE}/out"
    else:
        names = [item.name for item in spec.inputs()]
        for input in names:
            options += ["--volume", f"{told.folder}/{input}:{PLACE}/{input}:ro"]
        options += ["--publish", f"{HOST}:{told.port}:{told.port}"]
        moved |= {"HEADWATER_INPUT": PLACE, "HEADWATER_HOST": "0.0.0.0"}  # noqa: S104 - inside of the container
        moved |= {input: f"{PLACE}/{input}" for input in names}
    for variable, value in {**transform.env, **variables, **moved}.items():
        options += ["--env", f"{variable}={value}"]
    # Values of secrets stay off the command line, which every user of the machine can read.
    options += [word for variable in secrets for word in ("--env", variable)]
    options += ["--interactive", *(["--entrypoint", ""] if transform.command else [])]
    argv = [tool, "run", "--rm", *options, transform.image, *transform.command]
    environment = {**container_environment(), **secrets}
    return Order(argv, environment, code, stdin, ending=[tool, "rm", "--force", name])
