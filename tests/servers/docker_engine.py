"""An engine for docker's own command line that notes what it is asked for, and runs nothing.

There is no engine on many machines, and its command line alone shows what our
options mean: it turns them into the documents of the engine's API.
"""

import json
import os
import shutil
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

_API = "1.41"
_REFUSAL = "nothing runs here"


class DockerEngine:
    """Answers at a socket until it is closed; `asked` are the containers that it was to create."""

    def __init__(self, place: Path, refusal: str = _REFUSAL) -> None:
        """Begins to answer."""
        self.asked: list[dict[str, Any]] = []
        self.refusal = refusal
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self._answer(200, {})

            def do_GET(self) -> None:
                self._answer(200, {"Version": "28.0.0", "ApiVersion": _API, "MinAPIVersion": "1.24"})

            def do_POST(self) -> None:
                engine.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._answer(500, {"message": engine.refusal})

            def do_DELETE(self) -> None:
                self._answer(404, {"message": "No such container"})

            def address_string(self) -> str:
                return "docker"

            def log_message(self, *_: object) -> None:
                return

            def _answer(self, status: int, document: dict[str, Any]) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                headers = {"Api-Version": _API, "Ostype": "linux", "Content-Type": "application/json"}
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        self._server = socketserver.ThreadingUnixStreamServer(str(place), Handler)
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def close(self) -> None:
        """Answers no more."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def docker_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lets docker be the only container tool that is found; returns where its engine's socket would be."""
    program = shutil.which("docker")
    if program is None:
        pytest.skip("docker's command line is not installed; install it with: apt-get install docker-cli")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "docker").symlink_to(os.path.realpath(program))
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine")
    return tmp_path / "engine"


@pytest.fixture
def docker_engine(docker_only: Path) -> Iterator[DockerEngine]:
    """Starts an engine that notes what it is asked for."""
    engine = DockerEngine(docker_only)
    yield engine
    engine.close()
