"""What to start for a spout or service: a command as it is, or a function in a host of ours.

The process gets a clean environment: what programs need to start, what the
spec declares, the secrets that it names, and what it is told of its pipeline.
"""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from headwater.pipelines import store as rows
from headwater.pipelines.errors import SecretMissing
from headwater.pipelines.longrun.container import wrapped
from headwater.pipelines.longrun.errors import LongRunFailed
from headwater.pipelines.longrun.process import Order
from headwater.pipelines.longrun.protocol import Told
from headwater.pipelines.runtime.errors import CommandNotFound
from headwater.pipelines.runtime.places import program
from headwater.pipelines.spec import PipelineSpec, Transform
from headwater.settings import cores, secret_value, user_environment
from headwater.storage import Pointer, Storage

_HOSTS = {kind: f"headwater.pipelines.longrun.{kind}_host" for kind in ("spout", "service")}


def lay_out_code(storage: Storage, version: rows.VersionRow, folder: Path) -> None:
    """Lays the stored code of a pipeline's version out in a folder, in the place of what is there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if version.code_root is None:
        return
    for entry in storage.tree(Pointer.decode(version.code_root)).entries():
        place = folder / entry.path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as out:
            for piece in storage.stream(entry):
                out.write(piece)
        if entry.executable:
            place.chmod(0o755)


def order_of(spec: PipelineSpec, home: Path, told: Told, variables: Mapping[str, str]) -> Order:
    """Returns what to start.

    Args:
        spec: What the pipeline runs.
        home: Where its code is laid out, in `code`.
        told: What a function's host is told; of `function`, `setup` and `code` this knows more.
        variables: What the process is told of its pipeline.

    Raises:
        CommandNotFound: There is no such program.
        NoContainerTool: It names an image, and nothing here can run one.
        SecretMissing: A secret is not there.
    """
    transform = spec.transform
    if transform is None:
        raise LongRunFailed(f"The pipeline {spec.name!r} runs nothing.", hint="Give it a `transform`.")
    code, memory = home / "code", 0 if spec.resources is None else spec.resources.memory
    secrets, stdin = _secrets(transform), _stdin(transform, home)
    if transform.image:
        order = wrapped(spec, transform, home, Told(told.folder, port=told.port), secrets, variables, stdin)
        return msgspec.structs.replace(order, hidden=tuple(secrets.values()))
    (home / "tmp").mkdir(exist_ok=True)
    own = {"TMPDIR": str(home / "tmp"), "PYTHONUNBUFFERED": "1"}
    asked = 0 if spec.resources is None else round(spec.resources.cpu)
    environment = user_environment({**own, **transform.env, **secrets, **variables}, threads=asked or cores())
    if transform.function:
        names = {"function": transform.function, "setup": transform.setup, "code": str(code)}
        argument = msgspec.json.encode(msgspec.structs.replace(told, **names)).decode()
        argv = [sys.executable, "-P", "-m", _HOSTS[spec.kind], argument]
        return Order(argv, environment, code, memory=memory, hidden=tuple(secrets.values()))
    folder = code / transform.working_folder
    if not folder.is_dir():
        raise CommandNotFound(
            f"The working folder {transform.working_folder!r} is not in the pipeline's code.",
            hint="Name a folder below `code`, or an absolute one that the worker's machine has.",
        )
    argv = [program(transform.command, environment, folder), *transform.command[1:]]
    return Order(argv, environment, folder, stdin, memory, hidden=tuple(secrets.values()))


def _stdin(transform: Transform, home: Path) -> Path | None:
    if not transform.stdin:
        return None
    file = home / "stdin"
    file.write_text("".join(f"{line}\n" for line in transform.stdin), encoding="utf-8")
    return file


def _secrets(transform: Transform) -> dict[str, str]:
    found = {}
    for name, reference in transform.secrets.items():
        value = secret_value(reference)
        if value is None:
            raise SecretMissing(name, reference)
        found[name] = value
    return found
