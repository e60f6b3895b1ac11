import contextlib
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

import httpx
import pytest

from headwater.access import Tokens
from headwater.serving import (
    App,
    AuthenticationRequired,
    CannotBind,
    Endpoint,
    Limits,
    PortInUse,
    PredictionRecord,
    Server,
    ServerStopped,
)
from tests.clocks import HandClock
from tests.serving.conftest import Remembered
from tests.serving.flowers import ROW, Shelf, predictor

EVERYWHERE = "0.0.0.0"  # noqa: S104 - it is what these tests are about


@pytest.fixture
def server(app: App) -> Iterator[Server]:
    with Server(app) as server:
        yield server


def test_it_answers_over_http_at_the_url_that_it_reports(server: Server) -> None:
    reply = httpx.post(f"{server.url}/predict/iris", json=ROW)

    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.json()["prediction"] == predictor().predict_rows([ROW])[0]


def test_health_is_told_without_a_body_too(server: Server) -> None:
    reply = httpx.head(f"{server.url}/readyz")

    assert (reply.status_code, reply.content) == (200, b"")


def test_a_token_is_asked_for_over_http(
    endpoint: Endpoint, sink: Remembered, tokens: Tokens, clock: HandClock
) -> None:
    header = {"Authorization": f"JWT {tokens.create('shop', ['predict:iris'], 60).token}"}

    with Server(App([endpoint], sink=sink, tokens=tokens, clock=clock)) as server:
        refused = httpx.post(f"{server.url}/predict/iris", json=ROW)
        admitted = httpx.post(f"{server.url}/predict/iris", json=ROW, headers=header)

    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert admitted.status_code == 200


def test_a_body_that_is_too_large_is_refused_over_http(
    endpoint: Endpoint, sink: Remembered, clock: HandClock
) -> None:
    app = App([endpoint], sink=sink, clock=clock, limits=Limits(body_bytes=1000))
    pieces = (b"x" * 65_536 for _ in range(100))

    with Server(app) as server:
        announced = httpx.post(f"{server.url}/predict/iris", content=b"x" * 5_000_000)
        streamed = httpx.post(f"{server.url}/predict/iris", content=pieces)
        after = httpx.post(f"{server.url}/predict/iris", json=ROW)

    assert (announced.status_code, announced.json()["code"]) == (413, "TOO_LARGE")
    assert (streamed.status_code, streamed.json()["code"]) == (413, "TOO_LARGE")
    assert after.status_code == 200


def test_a_port_in_use_is_named_before_anything_starts(app: App, sink: Remembered) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(PortInUse) as caught:
            Server(app, port=port)

    assert str(port) in caught.value.message
    assert "--port 0" in caught.value.hint
    assert sink.calls == []


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 0), ("127.0.0.1", 70_000), ("a" * 300, 0)])
def test_an_address_that_cannot_be_listened_on_is_named(
    endpoint: Endpoint, sink: Remembered, tokens: Tokens, host: str, port: int
) -> None:
    with pytest.raises(CannotBind) as caught:
        Server(App([endpoint], sink=sink, tokens=tokens), host=host, port=port)

    assert host in caught.value.message


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.1"])
def test_an_address_that_others_reach_needs_tokens(app: App, host: str) -> None:
    with pytest.raises(AuthenticationRequired, match=host):
        Server(app, host=host)


def test_with_tokens_any_address_will_do(endpoint: Endpoint, sink: Remembered, tokens: Tokens) -> None:
    with Server(App([endpoint], sink=sink, tokens=tokens), host=EVERYWHERE) as server:
        assert httpx.get(f"http://127.0.0.1:{server.port}/healthz").status_code == 200


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6 here")
def test_the_url_of_an_ipv6_address_has_brackets(app: App) -> None:
    try:
        server = Server(app, host="::1")
    except CannotBind:
        pytest.skip("there is no IPv6 loopback here")
    with server:
        assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_a_log_that_cannot_start_stops_the_server_and_says_why(
    app: App, sink: Remembered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "start", _full_disk)
    server = Server(app)

    with pytest.raises(ServerStopped, match="No space"):
        server.start()


def test_a_log_that_cannot_be_flushed_is_told_when_stopping(
    app: App, sink: Remembered, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(app).start()
    monkeypatch.setattr(sink, "flush", _full_disk)

    with pytest.raises(ServerStopped, match="No space"):
        server.stop()


def _full_disk() -> None:
    raise OSError(28, "No space left on device")


class Gated(Remembered):
    """A log whose disk is slow: it holds every group back until the gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.has_begun = threading.Event()
        self.gate = threading.Event()

    def accept(self, records: Sequence[PredictionRecord]) -> None:
        self.has_begun.set()
        self.gate.wait()
        super().accept(records)


def test_stopping_finishes_the_requests_under_way_and_flushes_the_log(
    endpoint: Endpoint, clock: HandClock
) -> None:
    sink = Gated()
    server = Server(App([endpoint], sink=sink, clock=clock)).start()
    replies: list[httpx.Response] = []
    asking = threading.Thread(
        target=lambda: replies.append(httpx.post(f"{server.url}/predict/iris", json=ROW, timeout=30))
    )
    asking.start()
    sink.has_begun.wait()

    stopping = threading.Thread(target=server.stop)
    stopping.start()
    sink.gate.set()
    asking.join()
    stopping.join()

    assert replies[0].status_code == 200
    assert sink.records[0].id == replies[0].json()["id"]
    assert sink.calls == ["start", "flush"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/healthz")


def test_a_server_can_be_stopped_as_soon_as_it_has_started(app: App, sink: Remembered) -> None:
    for _ in range(3):
        Server(app_again(app, sink)).start().stop()

    assert sink.calls == ["start", "flush"] * 3


def app_again(app: App, sink: Remembered) -> App:
    return App(app.endpoints.values(), sink=sink)


def test_swapping_versions_under_clients_that_never_stop_fails_no_request(
    shelf: Shelf, sink: Remembered, clock: HandClock
) -> None:
    endpoint = Endpoint("iris", shelf, model="iris", environment="prod", clock=clock, poll_s=0.001)
    newest = 8
    for version in range(1, newest + 1):
        predictor(version)
    seen: list[tuple[int, int | None]] = []

    def keep_asking(url: str) -> None:
        version = None
        with httpx.Client() as client:
            while version != newest:
                reply = client.post(f"{url}/predict/iris", json=ROW)
                version = reply.json()["version"]
                seen.append((reply.status_code, version))
                if version is not None and version < newest and shelf.at == f"v{version}":
                    shelf.at = f"v{version + 1}"

    with Server(App([endpoint], sink=sink, clock=clock)) as server:
        clients = [threading.Thread(target=keep_asking, args=(server.url,)) for _ in range(4)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(60)

    assert {status for status, _ in seen} == {200}
    assert {version for _, version in seen} == set(range(1, newest + 1))
    assert len(sink.records) == len(seen)


PROGRAM = """
import sys
sys.path.insert(0, {root!r})
from headwater.clock import SystemClock
from headwater.serving import App, Endpoint, Server
from tests.serving.conftest import Remembered
from tests.serving.flowers import Shelf

class Told(Remembered):
    def flush(self):
        print("flushed", len(self.records), flush=True)

endpoint = Endpoint("iris", Shelf(), model="iris", environment="prod", clock=SystemClock())
server = Server(App([endpoint], sink=Told()))
print(server.url, flush=True)
server.run()
print("ended", flush=True)
"""


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_serving_process_in_good_order(
    pytestconfig: pytest.Config, name: signal.Signals
) -> None:
    program = [sys.executable, "-c", PROGRAM.format(root=str(pytestconfig.rootpath))]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with contextlib.suppress(httpx.ReadTimeout):
            assert httpx.post(f"{url}/predict/iris", json=ROW, timeout=60).status_code == 200

        process.send_signal(name)
        output, _ = process.communicate(timeout=60)

    assert output.splitlines() == ["flushed 1", "ended"]
    assert process.returncode == 0
