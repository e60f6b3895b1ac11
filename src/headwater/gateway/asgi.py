"""The adapter between an ASGI server and the gateway, whose work is blocking and runs on threads.

A thread reads its body piece by piece from the connection, and what it sends
back as a file is read piece by piece too: a slow client holds a connection
and a chunk, never an object. Files are read on few threads, since an
allocator keeps for each thread what it once needed.
"""

import asyncio
import threading
from collections.abc import MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_to_bytes

from headwater.gateway.app import Gateway
from headwater.gateway.errors import S3Refusal
from headwater.gateway.messages import FileSpan, S3Request, S3Response
from headwater.serving.asgi import Receive, Send, drain

_THREADS = 48
_READERS = 4
_SENT_AT_ONCE = 32  # files; each holds a chunk of up to 16 MiB
_PIECE = 1 << 20
_BODY_WAIT_S = 60.0
_DRAIN_S = 2.0


class GatewayAsgi:
    """An ASGI application that answers with a `Gateway`."""

    def __init__(self, gateway: Gateway) -> None:
        """Wraps the gateway."""
        self._gateway = gateway
        self._pool: ThreadPoolExecutor | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._sending = asyncio.Semaphore(_SENT_AT_ONCE)
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
        loop = asyncio.get_running_loop()
        body = _Body(receive, loop)
        request = _request(scope, body)
        response = await loop.run_in_executor(self._pool, self._gateway.handle, request)
        try:
            await self._send(response, send, loop, is_last=body.is_over or not response.must_close)
        finally:
            if isinstance(response.body, FileSpan):
                response.body.file.close()
        if not body.is_over and response.must_close:
            await drain(receive, _DRAIN_S)
            await send({"type": "http.response.body", "body": b""})

    async def _send(
        self, response: S3Response, send: Send, loop: asyncio.AbstractEventLoop, *, is_last: bool
    ) -> None:
        length = response.length
        if length is None:
            length = response.body.size if isinstance(response.body, FileSpan) else len(response.body)
        headers = [(name.encode(), value.encode()) for name, value in response.headers.items()]
        if response.status not in (204, 304):
            headers.append((b"content-length", str(length).encode()))
        if not is_last:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if not isinstance(response.body, FileSpan):
            await send({"type": "http.response.body", "body": response.body, "more_body": not is_last})
            return
        async with self._sending:
            await self._send_file(response.body, send, loop)

    async def _send_file(self, span: FileSpan, send: Send, loop: asyncio.AbstractEventLoop) -> None:
        left = span.size
        while left:
            piece = await loop.run_in_executor(self._readers, span.file.read, min(_PIECE, left))
            if not piece:
                raise EOFError("a file is shorter than its entry says")
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": left > 0})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="headwater-gateway")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="headwater-gateway-read")
        await send({"type": "lifespan.startup.complete"})
        self.is_started.set()
        await receive()
        self._pool.shutdown()
        self._readers.shutdown()
        await send({"type": "lifespan.shutdown.complete"})


class _Body:
    """The body of a request, for the one thread that answers it."""

    def __init__(self, receive: Receive, loop: asyncio.AbstractEventLoop) -> None:
        self._receive, self._loop = receive, loop
        self._rest = b""
        self.is_over = False

    def read(self, size: int) -> bytes:
        while not self._rest and not self.is_over:
            waiting = asyncio.run_coroutine_threadsafe(self._next(), self._loop)
            waiting.result()
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    async def _next(self) -> None:
        try:
            async with asyncio.timeout(_BODY_WAIT_S):
                message = await self._receive()
        except TimeoutError:
            raise S3Refusal("RequestTimeout", "The body stopped coming.") from None
        if message["type"] != "http.request":
            raise S3Refusal("IncompleteBody", "The client left before its request was whole.")
        self._rest = message.get("body", b"")
        self.is_over = not message.get("more_body", False)


def _request(scope: MutableMapping[str, Any], body: _Body) -> S3Request:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("utf-8", "surrogateescape")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    pairs = [one.partition(b"=") for one in scope["query_string"].split(b"&") if one]
    query = tuple((_text(name), _text(value)) for name, _, value in pairs)
    path = _text(scope.get("raw_path") or scope["path"].encode())
    return S3Request(scope["method"], path, query, headers, body)


def _text(raw: bytes) -> str:
    return unquote_to_bytes(raw).decode("utf-8", "surrogateescape")
