"""The one file that reads environment variables and `headwater.toml`.

Everything below gets plain values. A workspace in a folder is `.headwater/`
with the catalog, the objects and `headwater.toml`; which folder is meant is
decided here: the given URL, else `$HEADWATER_WORKSPACE`, else the nearest
`.headwater/` upward from where the command runs.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from headwater.errors import InvalidInput, NotFound, Unavailable

FOLDER = ".headwater"
CONFIG = "headwater.toml"

# What a worker process may inherit: enough to find programs, a home and a
# locale, and to keep numeric libraries from starting a thread per core each.
_INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "PYTHONDONTWRITEBYTECODE",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
)


class Environment(msgspec.Struct, frozen=True):
    """The environment variables that Headwater knows."""

    workspace: str | None = None
    secret_key_file: str | None = None


class ServingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How endpoints behave."""

    poll_s: float = 0.25
    body_limit: int = 16 * 1024 * 1024


class MonitoringSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often what endpoints answered becomes a commit."""

    commit_every_s: float = 60.0


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How work runs: processes (0: one per core), how long a worker that was started by itself stays idle."""

    processes: int = 0
    idle_exit_s: float = 30.0
    lease_s: float = 15.0


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`headwater.toml`; relative places are inside the workspace's folder."""

    workspace: str = ""
    catalog: str = "catalog.db"
    objects: str = "objects"
    serving: ServingSettings = ServingSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    workers: WorkerSettings = WorkerSettings()


def read_environment(variables: Mapping[str, str] | None = None) -> Environment:
    """Returns the variables that Headwater knows; an empty one counts as absent."""
    source = os.environ if variables is None else variables
    return Environment(
        workspace=source.get("HEADWATER_WORKSPACE") or None,
        secret_key_file=source.get("HEADWATER_SECRET_KEY_FILE") or None,
    )


def worker_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns the environment of a worker process: no secrets, only what programs need to start."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return kept | dict(extra or {})


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def locate(url: str | None, *, start: Path | None = None) -> Path:
    """Returns the `.headwater` folder of the workspace that is meant.

    Args:
        url: A path to the workspace's folder or to its `.headwater`, or none for the lookup.
        start: Where the lookup upward begins; the current folder when none.

    Raises:
        NotFound: There is no workspace.
    """
    named = url or read_environment().workspace
    if named:
        return folder_of(named)
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / FOLDER / CONFIG).is_file():
            return folder / FOLDER
    raise NotFound(
        f"There is no workspace in {here} or above it.",
        hint="Make one with `headwater init`, or name one with --workspace or HEADWATER_WORKSPACE.",
    )


def folder_of(url: str) -> Path:
    """Returns the `.headwater` folder that a workspace URL (a path, or `file:` and a path) stands for.

    Raises:
        InvalidInput: The URL has a scheme that this version has no catalog for.
    """
    text = url.removeprefix("file://").removeprefix("file:") if url.startswith("file:") else url
    scheme = text.partition("://")[0] if "://" in text else ""
    if scheme:
        raise InvalidInput(
            f"A workspace cannot be opened at {scheme}:// yet.",
            hint="Give a folder, such as `headwater init ./work`.",
        )
    path = Path(text).expanduser().resolve()
    return path if path.name == FOLDER else path / FOLDER


def read_config(folder: Path) -> Config:
    """Returns the settings in `folder/headwater.toml`.

    Raises:
        NotFound: There is no such file.
        InvalidInput: The file is not TOML, or has an unknown or ill-typed setting.
    """
    path = folder / CONFIG
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return msgspec.convert(document, Config)
    except FileNotFoundError:
        raise NotFound(
            f"There is no workspace in {folder.parent}.",
            hint=f"Make one with `headwater init {folder.parent}`.",
        ) from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{path} cannot be read: {error}.", hint="Mend the named line or setting."
        ) from None


def make_folder(folder: Path) -> None:
    """Makes the folder of a workspace, readable by its owner alone.

    Raises:
        Unavailable: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Unavailable(
            f"No workspace can be made in {folder.parent}: {error.strerror}.",
            hint="Name a folder that you may write to, on a disk with free space.",
        ) from None


def write_config(folder: Path, workspace_id: str) -> None:
    """Writes the `headwater.toml` of a new workspace; a reader sees all of it or none."""
    text = (
        "# Settings of this workspace. Places are inside this folder unless they are absolute.\n"
        f'workspace = "{workspace_id}"\n'
        'catalog = "catalog.db"\n'
        'objects = "objects"\n'
    )
    draft = folder / f"{CONFIG}.new"
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / CONFIG)
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
