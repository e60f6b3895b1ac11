"""Azure's own emulator of its blob storage, for tests where it is installed; they are optional.

It is a program of Node: `npm install --prefix .venv/azurite azurite@3.35.0`.
Account and key below are the ones every such emulator has, as Microsoft
publishes them.
"""

import base64
import hashlib
import hmac
import http.client
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import msgspec
import pytest

from tests.servers.processes import free_ports, start, stop, until_ready

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_INSTALLED = Path(__file__).resolve().parents[2] / ".venv/azurite/node_modules/.bin/azurite-blob"


class AzureServer(msgspec.Struct, frozen=True):
    """A running emulator."""

    port: int

    def url(self, container: str, prefix: str = "") -> str:
        """Returns what `open_store` opens a container by."""
        endpoint = f"http://127.0.0.1:{self.port}/{ACCOUNT}"
        return f"az://{container}/{prefix}?account={ACCOUNT}&endpoint={endpoint}&allow_http=true"

    def new_container(self) -> str:
        """Makes a container and returns its name."""
        name, date = f"test-{secrets.token_hex(6)}", formatdate(usegmt=True)
        to_sign = (
            "PUT\n\n\n\n\n\n\n\n\n\n\n\n"
            f"x-ms-date:{date}\nx-ms-version:2023-11-03\n/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        )
        digest = hmac.digest(base64.b64decode(KEY), to_sign.encode(), hashlib.sha256)
        headers = {
            "x-ms-date": date,
            "x-ms-version": "2023-11-03",
            "Content-Length": "0",
            "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}",
        }
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        link.request("PUT", f"/{ACCOUNT}/{name}?restype=container", headers=headers)
        answer = link.getresponse()
        assert answer.status == 201, answer.read()
        link.close()
        return name


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
        return True
    except OSError:
        return False


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    """Starts the emulator."""
    program = str(_INSTALLED) if _INSTALLED.exists() else shutil.which("azurite-blob")
    if program is None or shutil.which("node") is None:
        pytest.skip(
            "Azurite is not installed; install it with: npm install --prefix .venv/azurite azurite@3.35.0"
        )
    folder, (port,) = tmp_path_factory.mktemp("azurite"), free_ports(1)
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder)]
    log = folder / "log"
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder)}
    process = start([*command, "--silent", "--skipApiVersionCheck", "--disableTelemetry"], log, environment)
    try:
        until_ready(process, lambda: _listens(port), log, 60)
        yield AzureServer(port)
    finally:
        stop(process)


@pytest.fixture
def azure_url(azure_server: AzureServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Returns the URL of a place in a fresh container; the key is in the environment."""
    for name in list(os.environ):
        if name.startswith("AZURE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
    return azure_server.url(azure_server.new_container(), "workspace/objects")
