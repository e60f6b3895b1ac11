"""Reads where an egress goes: a folder, a bucket or a database, and whether that can be meant.

A URL may be a secret, `env:NAME` or `file:PATH`, which is read where the copy
is made and shown nowhere. A place is known by its URL without passwords, so
that a new password is not a new place.
"""

import re
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from blake3 import blake3

from headwater.errors import Error
from headwater.pipelines.egress.errors import EgressFailed
from headwater.pipelines.errors import InvalidSpec
from headwater.pipelines.spec import Egress
from headwater.settings import FOLDER, redacted, secret_value

_BUCKETS = ("s3", "gs", "az")
_DATABASES = ("sqlite", "postgresql", "postgres")
_SECRET = re.compile(r"(env|file):(?!//)(.+)")
_FORMS = "Write a folder (/absolute/path or file:///absolute/path), s3://bucket/prefix, gs://…, az://…, sqlite:////absolute/file.db, or postgresql://user@host/database."
_PASSWORD = re.compile(r"password|passwd|secret|token", re.IGNORECASE)


class Address(NamedTuple):
    """Where it goes. `url` may hold a password; `shown` and `identity` never do."""

    kind: Literal["folder", "bucket", "database"]
    url: str
    shown: str
    identity: str


def check(egress: Egress) -> None:
    """Makes sure that an egress can be meant, as far as that can be told without its secrets.

    Raises:
        InvalidSpec: It cannot; the message says why.
    """
    if is_secret(egress.url):
        return
    if _has_password(egress.url):
        raise InvalidSpec(
            f"{redacted(egress.url)!r} holds a password, and specs are shown and kept.",
            hint="Put the URL into an environment variable of the workers and write `url: env:NAME`, or into a file and write `url: file:/path`.",
        )
    try:
        address = read(egress)
        if address.kind == "bucket":
            from headwater.storage.backends.urls import parse

            parse(address.url, any_name=True)
    except Error as error:
        why = error.why if isinstance(error, EgressFailed) else error.message.rstrip(".")
        raise InvalidSpec(f"{redacted(egress.url)!r} cannot be used: {why}.", hint=error.hint) from None


def is_secret(url: str) -> bool:
    """Tells whether a URL is a reference to a secret; `file:/folder` is one too, `file:///folder` is a folder."""
    return _SECRET.fullmatch(url) is not None


def read(egress: Egress) -> Address:
    """Returns where an egress goes, its secret looked up.

    Raises:
        EgressFailed: The place cannot be meant, or the secret is not there.
    """
    url, shown = egress.url, redacted(egress.url)
    if is_secret(url):
        url, shown = _secret(egress.url), egress.url
    scheme, mark, _ = url.partition("://")
    if scheme in _BUCKETS and mark:
        kind: Literal["folder", "bucket", "database"] = "bucket"
    elif scheme in _DATABASES and mark:
        kind = "database"
        url = _database(url, shown)
    else:
        kind, url = "folder", str(_folder(url, shown))
    _check_format(egress, kind, shown)
    text = "\0".join([redacted(url), egress.format, *egress.columns])
    return Address(kind, url, shown, blake3(text.encode()).hexdigest())


def _secret(reference: str) -> str:
    value = secret_value(reference)
    if value is None:
        kind, _, name = reference.partition(":")
        raise _refused(
            reference,
            f"the {'variable' if kind == 'env' else 'file'} {name} is not there, or is empty",
            "Set it where the workers run, and start them anew.",
        )
    return value.strip()


def _check_format(egress: Egress, kind: str, shown: str) -> None:
    if kind == "database" and not egress.format:
        raise _refused(shown, "no format says what the files are", "Add `format: csv`, `json` or `parquet`.")
    if kind != "database" and (egress.format or egress.columns):
        raise _refused(shown, "only tables have a format and columns", "Leave `format` and `columns` out.")
    if len(set(egress.columns)) != len(egress.columns):
        raise _refused(shown, "a column is named twice", "Name each column once.")


def _folder(url: str, shown: str) -> Path:
    parts = urlsplit(url) if url.startswith("file://") else None
    path = Path(url if parts is None else unquote(parts.path))
    if (parts is not None and parts.netloc) or not path.is_absolute() or ".." in path.parts:
        raise _refused(shown, "it names no place that is known", _FORMS)
    _check_foreign(path, shown)
    return path


def _database(url: str, shown: str) -> str:
    if not url.startswith("sqlite:"):
        return url
    path = Path(unquote(url.removeprefix("sqlite:///").partition("?")[0]))
    if not url.startswith("sqlite:///") or not path.is_absolute() or ".." in path.parts:
        raise _refused(
            shown,
            "the file of a SQLite database must be an absolute path",
            "Write four slashes: sqlite:////data/reports.db.",
        )
    _check_foreign(path, shown)
    return f"sqlite:///{path}"


def _check_foreign(path: Path, shown: str) -> None:
    """Refuses what would overwrite a workspace's own catalog and objects."""
    if FOLDER in path.parts or FOLDER in path.resolve().parts:
        raise _refused(shown, "it lies inside of a workspace", "Name a place outside of it.")


def _has_password(url: str) -> bool:
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    return ":" in user or any(_PASSWORD.search(name) for name, _ in parse_qsl(parts.query))


def _refused(shown: str, why: str, hint: str) -> EgressFailed:
    return EgressFailed(f"The output for {shown!r}", why=why, hint=hint)
