import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from headwater.serving import App, Asgi, Endpoint, Limits
from tests.clocks import HandClock
from tests.serving.conftest import Remembered
from tests.serving.flowers import ROW

LIMIT = 200


@pytest.fixture
def asgi(endpoint: Endpoint, sink: Remembered, clock: HandClock) -> Asgi:
    return Asgi(App([endpoint], sink=sink, clock=clock, limits=Limits(body_bytes=LIMIT, body_wait_s=0.05)))


class Wire:
    """What a server does for one request: gives pieces of the body when asked, and keeps what is sent."""

    def __init__(self, pieces: Iterable[bytes], *, ends: str = "whole") -> None:
        self.pieces = list(pieces)
        self.ends = ends
        self.taken = 0
        self.sent: list[Any] = []

    async def receive(self) -> dict[str, Any]:
        if self.taken < len(self.pieces):
            self.taken += 1
            is_last = self.taken == len(self.pieces) and self.ends == "whole"
            return {"type": "http.request", "body": self.pieces[self.taken - 1], "more_body": not is_last}
        if self.ends == "stalls":
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    def ask(self, asgi: Asgi, **headers: str) -> tuple[int, dict[str, Any]]:
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/predict/iris",
            "query_string": b"",
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        }
        asyncio.run(asgi(scope, self.receive, self.send))
        start, *rest = self.sent
        return start["status"], msgspec.json.decode(b"".join(message["body"] for message in rest))


BODY = msgspec.json.encode(ROW)


@pytest.mark.parametrize("pieces", [[BODY], [BODY[:10], BODY[10:]], [BODY[:10], b"", BODY[10:], b""]])
def test_a_body_is_the_same_in_one_piece_or_in_several(asgi: Asgi, pieces: list[bytes]) -> None:
    status, document = Wire(pieces).ask(asgi)

    assert (status, document["code"]) == (200, "OK")


def test_a_body_that_announces_too_much_is_refused_before_any_of_it_is_read(asgi: Asgi) -> None:
    wire = Wire([b"x" * 100] * 3)

    async def ask_and_look() -> int:
        taken_at_answer = -1

        async def send(message: Any) -> None:
            nonlocal taken_at_answer
            wire.sent.append(message)
            if message["type"] == "http.response.start":
                taken_at_answer = wire.taken

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/predict/iris",
            "query_string": b"",
            "headers": [(b"content-length", b"300")],
        }
        await asgi(scope, wire.receive, send)
        return taken_at_answer

    taken = asyncio.run(ask_and_look())

    assert taken == 0
    assert wire.sent[0]["status"] == 413
    assert (b"connection", b"close") in wire.sent[0]["headers"]


def test_a_body_that_grows_too_large_is_refused_when_it_does(asgi: Asgi) -> None:
    wire = Wire([b"x" * 90] * 50)

    status, document = wire.ask(asgi)

    assert (status, document["code"]) == (413, "TOO_LARGE")


@pytest.mark.parametrize("length", ["-5", "five", "", "²"])
def test_a_length_that_is_no_number_is_left_to_the_count(asgi: Asgi, length: str) -> None:
    status, _ = Wire([b"x" * 300]).ask(asgi, content_length=length)

    assert status == 413


def test_a_body_of_exactly_the_limit_is_read(asgi: Asgi) -> None:
    status, _ = Wire([BODY.ljust(LIMIT)]).ask(asgi)

    assert status == 200


def test_a_body_that_never_ends_is_given_up(asgi: Asgi) -> None:
    status, document = Wire([b"{"], ends="stalls").ask(asgi)

    assert (status, document["code"]) == (400, "MALFORMED")


def test_a_client_that_leaves_in_the_middle_gets_nothing(asgi: Asgi) -> None:
    wire = Wire([b"{"], ends="leaves")

    with pytest.raises(ValueError, match="unpack"):
        wire.ask(asgi)

    assert wire.sent == []


def test_starting_and_stopping_starts_and_flushes_the_log(asgi: Asgi, sink: Remembered) -> None:
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(asgi({"type": "lifespan"}, receive, send))

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert sink.calls == ["start", "flush"]
