"""The one file that reads environment variables and `headwater.toml`.

Everything below gets plain values. A workspace in a folder is `.headwater/`
with the catalog and `headwater.toml`; one without a folder is a catalog that
keeps its own settings, and has a folder per user and machine for what need not
be shared (spools, logs, journals). Which workspace is meant is decided here:
the given URL, else `$HEADWATER_WORKSPACE`, else the nearest `.headwater/`
upward from where the command runs.
"""

import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import msgspec

from headwater.errors import InvalidInput, NotFound, Unavailable

FOLDER = ".headwater"
CONFIG = "headwater.toml"

# What a worker process may inherit: enough to find programs, a home and a
# locale, and to keep numeric libraries from starting a thread per core each.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_INHERITED = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH"),
    *("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "CUDA_VISIBLE_DEVICES"),
    *_THREADS,
)
# What the code of users may see beside that: who runs it, and where certificates lie.
_USER_CODE = (
    "USER",
    "LOGNAME",
    "LC_CTYPE",
    "VIRTUAL_ENV",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
)
_READ_TOO = ("PWD", "SHELL", "TERM", "IFS", "BASH_ENV", "LD_PRELOAD", "PYTHONHOME", "PYTHONUNBUFFERED")
# How podman and docker find their settings and their engine.
_CONTAINERS = ("CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "DOCKER_HOST", "XDG_RUNTIME_DIR")

# How libpq and psycopg are told where a server is and who asks; for processes that open the catalog only.
_CATALOG_VARIABLES = (
    *("PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE"),
    *("PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGOPTIONS"),
)
# What the variables of an object store's service begin with, and how any service is reached.
_SERVICES = {"s3": "AWS_", "gs": "GOOGLE_", "az": "AZURE_"}
_NETWORK = frozenset(
    ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE")
)
_DATABASES = ("postgresql", "postgres")
_SECRET = re.compile(r"password|passwd|secret|token|access_key|sas", re.IGNORECASE)
_URL = re.compile(r"[a-z][a-z0-9+.-]+:")
PLACES = ("workspace", "catalog", "objects")


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


class CacheSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much room copies of distant objects may take on this machine, in bytes; 0 keeps none."""

    objects_bytes: int = 2 * 1024**3


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How work runs: processes (0: one per core), tasks at once, how long a worker that was started by itself stays idle."""

    processes: int = 0
    slots: int = 4
    idle_exit_s: float = 30.0
    lease_s: float = 15.0
    ray_address: str = ""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of a workspace, from `headwater.toml` or its catalog; relative places are inside its folder."""

    workspace: str = ""
    catalog: str = "catalog.db"
    objects: str = "objects"
    serving: ServingSettings = ServingSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    workers: WorkerSettings = WorkerSettings()
    cache: CacheSettings = CacheSettings()


def read_environment(variables: Mapping[str, str] | None = None) -> Environment:
    """Returns the variables that Headwater knows; an empty one counts as absent."""
    source = os.environ if variables is None else variables
    return Environment(
        workspace=source.get("HEADWATER_WORKSPACE") or None,
        secret_key_file=source.get("HEADWATER_SECRET_KEY_FILE") or None,
    )


def worker_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns the environment of a worker process: no secrets, only what programs need to start."""
    return _kept(_INHERITED + _CONTAINERS) | dict(extra or {})


def user_environment(extra: Mapping[str, str] | None = None, *, threads: int = 1) -> dict[str, str]:
    """Returns the environment of a process that runs the code of users: no secrets, nothing of Headwater's own.

    Proxies are left out, since their URLs may hold passwords: a spec names what it needs.
    Numeric libraries get so many threads, unless the machine's environment says otherwise: there
    is a process for each core already, and many threads of each would stand in one another's way.
    """
    return thread_variables(threads) | _kept(_INHERITED + _USER_CODE) | dict(extra or {})


def thread_variables(threads: int) -> dict[str, str]:
    """Returns the variables by which numeric libraries start so many threads."""
    return dict.fromkeys(_THREADS, str(threads))


def container_environment() -> dict[str, str]:
    """Returns the environment of a tool that runs containers; what runs inside sees none of it."""
    return _kept(_INHERITED + _USER_CODE + _CONTAINERS)


def _kept(names: Iterable[str]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}


def is_read_by_programs(variable: str) -> bool:
    """Tells whether an environment variable has a meaning to programs, or is one of Headwater's own."""
    return variable in _INHERITED + _USER_CODE + _READ_TOO or variable.startswith(("HEADWATER_", "PACH_"))


def change_variables(changes: Mapping[str, str | None]) -> None:
    """Sets variables of this process, for code of users that reads them; none removes one."""
    for name, value in changes.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def store_environment(objects_url: str) -> dict[str, str]:
    """Returns the variables of a process that reads and writes objects, beyond those of every worker process.

    Only those of the service that keeps the objects: a workspace whose
    objects lie in a folder gives no credentials to the code that it runs.
    """
    service = _SERVICES.get(objects_url.partition("://")[0])
    if service is None:
        return {}
    return {name: value for name, value in os.environ.items() if name.startswith(service) or name in _NETWORK}


def workspace_environment(url: str, objects_url: str) -> dict[str, str]:
    """Returns the variables of a process that opens a workspace, beyond those of every worker process.

    The URL may hold a password, so it goes this way and not on a command
    line, which every user of the machine can read.
    """
    names = (*_CATALOG_VARIABLES, "XDG_STATE_HOME", "XDG_CACHE_HOME", "HEADWATER_SECRET_KEY_FILE")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return store_environment(objects_url) | kept | {"HEADWATER_WORKSPACE": url}


def s3_endpoint() -> str | None:
    """Returns the service that the environment names to speak S3 with, where it is not Amazon's."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def secret_value(reference: str) -> str | None:
    """Returns what `env:NAME` or `file:PATH` stands for; none where it is not there, is empty, or cannot be read."""
    kind, _, name = reference.partition(":")
    if kind == "env":
        return os.environ.get(name) or None
    try:
        text = Path(name).expanduser().read_text(encoding="utf-8") if kind == "file" else ""
    except (OSError, UnicodeDecodeError):
        return None
    return text.removesuffix("\n") or None


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> str | None:
    """Returns the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; none where it does not say."""
    return os.environ.get("CUDA_VISIBLE_DEVICES")


class FolderPlace(msgspec.Struct, frozen=True):
    """A workspace in a folder; `folder` is its `.headwater`."""

    folder: Path

    @property
    def url(self) -> str:
        """What opens the workspace."""
        return str(self.folder.parent if self.folder.name == FOLDER else self.folder)


class CatalogPlace(msgspec.Struct, frozen=True):
    """A workspace without a folder: a catalog that keeps its settings; `url` may hold a password."""

    url: str


Place = FolderPlace | CatalogPlace


def locate(url: str | None, *, start: Path | None = None) -> Place:
    """Returns where the workspace is that is meant.

    Args:
        url: A folder, its `.headwater`, or the URL of a catalog; none for the lookup.
        start: Where the lookup upward begins; the current folder when none.

    Raises:
        NotFound: There is no workspace.
        InvalidInput: No workspace can be at such a URL.
    """
    named = url or read_environment().workspace
    if named:
        return place_of(named)
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / FOLDER / CONFIG).is_file():
            return FolderPlace(folder / FOLDER)
    raise NotFound(
        f"There is no workspace in {here} or above it.",
        hint="Make one with `headwater init`, or name one with --workspace or HEADWATER_WORKSPACE.",
    )


def place_of(url: str) -> Place:
    """Returns the place that a workspace URL stands for.

    A path, or `file:` and a path, is a folder. `postgresql://…` and
    `sqlite:////…` are catalogs; a SQLite file that lies beside a
    `headwater.toml` means the workspace of that folder.

    Raises:
        InvalidInput: The URL has a scheme that no workspace has.
    """
    scheme, separator, rest = url.partition("://")
    if scheme == "sqlite" and separator:
        folder = Path(unquote(rest.removeprefix("/"))).parent
        return FolderPlace(folder) if (folder / CONFIG).is_file() else CatalogPlace(url)
    if scheme.partition("+")[0] in _DATABASES and separator:
        return CatalogPlace(url)
    text = url.removeprefix("file://").removeprefix("file:")
    if "://" in text:
        raise InvalidInput(
            f"A workspace cannot be at {scheme}://.",
            hint="Give a folder, such as ./work, or a catalog: postgresql://user@host/database.",
        )
    path = Path(text).expanduser().resolve()
    return FolderPlace(path if path.name == FOLDER else path / FOLDER)


def redacted(url: str) -> str:
    """Returns a URL as it may be shown: without passwords, tokens and keys."""
    parts = urlsplit(url)
    if not parts.netloc and not parts.query:
        return url
    user, at, host = parts.netloc.rpartition("@")
    netloc = user.partition(":")[0] + at + host
    fields = [
        field for field in parse_qsl(parts.query, keep_blank_values=True) if not _SECRET.search(field[0])
    ]
    shown = urlunsplit(parts._replace(netloc=netloc, query=urlencode(fields, safe="/:,")))
    # `urlunsplit` writes sqlite:////x with two slashes less where the host is empty.
    return shown if parts.netloc or not url.startswith(f"{parts.scheme}://") else _with_slashes(url, shown)


def _with_slashes(url: str, shown: str) -> str:
    return url.partition("?")[0] + ("?" + shown.partition("?")[2] if "?" in shown else "")


def state_folder(workspace_id: str) -> Path:
    """Returns this user's folder, on this machine, for a workspace that has none of its own.

    It holds what need not be shared: answers that are not committed yet, logs
    of workers, journals of uploads.
    """
    return _user_folder("XDG_STATE_HOME", ".local/state") / workspace_id


def cache_folder() -> Path:
    """Returns this user's folder for copies of what lies elsewhere; it may be removed at any time."""
    return _user_folder("XDG_CACHE_HOME", ".cache")


def _user_folder(variable: str, default: str) -> Path:
    """Returns where a user keeps files of a kind: XDG Base Directory Specification 0.8."""
    given = os.environ.get(variable, "")
    return (Path(given) if Path(given).is_absolute() else Path.home() / default) / "headwater"


def objects_url(folder: Path, objects: str) -> str:
    """Returns the URL of an object store, which settings name by a URL or by a folder inside `folder`."""
    return objects if _URL.match(objects) else f"file:{(folder / Path(objects).expanduser()).resolve()}"


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


def changed_settings(config: Config) -> dict[str, dict[str, Any]]:
    """Returns the settings that are not as by default, by section; places are no settings."""
    given, default = msgspec.to_builtins(config), msgspec.to_builtins(Config())
    sections = {
        name: {field: value for field, value in fields.items() if value != default[name][field]}
        for name, fields in given.items()
        if name not in PLACES
    }
    return {name: fields for name, fields in sections.items() if fields}


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


def write_config(folder: Path, config: Config) -> None:
    """Writes the `headwater.toml` of a new workspace; a reader sees all of it or none.

    Settings that are as by default are left out.
    """
    text = "# Settings of this workspace. Places are inside this folder unless they are absolute or URLs.\n"
    text += "".join(f"{name} = {json.dumps(getattr(config, name), ensure_ascii=False)}\n" for name in PLACES)
    for section, fields in changed_settings(config).items():
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in fields.items()]
        text += f"\n[{section}]\n{''.join(lines)}"
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
