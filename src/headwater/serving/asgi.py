"""The adapter between an ASGI server and the core: reads the body within its limit, sends the answer.

A body that is too large is refused from its `Content-Length` alone, or as soon
as what has come is more than the limit; nothing beyond it is kept.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from headwater.serving.answers import Refusal
from headwater.serving.core import App
from headwater.serving.messages import Request, Response

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# After a refusal the rest of a body is thrown away for a while, since a client
# that is cut off in the middle of sending may never read the answer.
_DRAIN_BYTES = 64 * 1024 * 1024
_DRAIN_S = 2.0


class ClientGone(Exception):
    """The client closed the connection before its request was whole."""


class Asgi:
    """An ASGI application that answers with an `App`.

    `is_started` is set once the app is, or has failed to; `failure` is why.
    """

    def __init__(self, app: App) -> None:
        """Wraps the core."""
        self._app = app
        self._limits = app.limits
        self.is_started = threading.Event()
        self.failure: Exception | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serves one connection scope."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    async def _http(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            body = await self._body(headers.get("content-length"), receive)
        except Refusal as refusal:
            response = self._app.refuse(refusal)
            await _send(response, send, is_last=False)
            await drain(receive, min(_DRAIN_S, self._limits.body_wait_s))
            await send({"type": "http.response.body", "body": b""})
            return
        except ClientGone:
            return
        request = Request(
            scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers, body
        )
        await _send(await self._app.handle(request), send)

    async def _body(self, length: str | None, receive: Receive) -> bytes:
        limit = self._limits.body_bytes
        if length is not None and length.isdecimal() and int(length) > limit:
            raise _too_large(limit)
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            body: bytes = message.get("body", b"")
            if len(body) > limit:
                raise _too_large(limit)
            return body
        try:
            async with asyncio.timeout(self._limits.body_wait_s):
                return await _rest(message, receive, limit)
        except TimeoutError:
            raise Refusal(
                "MALFORMED", f"The body did not arrive within {self._limits.body_wait_s:g} s."
            ) from None

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._phase("startup", self._app.start, send)
        self.is_started.set()
        await receive()
        await self._phase("shutdown", self._app.stop, send)

    async def _phase(self, name: str, work: Callable[[], Awaitable[None]], send: Send) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - kept for whoever started the server
            self.failure = error
            await send({"type": f"lifespan.{name}.failed", "message": str(error)})
        else:
            await send({"type": f"lifespan.{name}.complete"})


async def _rest(message: Message, receive: Receive, limit: int) -> bytes:
    body = bytearray()
    while True:
        if message["type"] != "http.request":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return bytes(body)
        message = await receive()


async def drain(receive: Receive, seconds: float) -> None:
    """Throws away the rest of a body, for a while, so that a client that is still sending reads the answer."""
    seen = 0
    try:
        async with asyncio.timeout(seconds):
            while seen < _DRAIN_BYTES:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                seen += len(message.get("body", b""))
    except TimeoutError:
        return


async def _send(response: Response, send: Send, *, is_last: bool = True) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(response.body)).encode()),
        *((name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers),
    ]
    if not is_last:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": not is_last})


def _too_large(limit: int) -> Refusal:
    return Refusal("TOO_LARGE", f"The body is larger than {limit} bytes; send fewer rows per request.")
