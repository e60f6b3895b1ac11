"""An HTTP proxy that misbehaves as told: it drops, delays, answers errors, and cuts bodies in the middle.

    with FaultProxy(server.port) as proxy:
        proxy.next(Answer(503), Answer(503))
        open_store(f"s3://bucket?endpoint={proxy.endpoint}…").put(key, data)

Each fault is for one request, in order; when none is left, requests pass.
"""

import http.client
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """Answers this instead of asking the server; a body of `code` as S3 writes it."""

    status: int
    code: str = ""
    message: str = ""
    extra: str = ""
    headers: dict[str, str] = {}

    @property
    def body(self) -> bytes:
        if not self.code:
            return b""
        text = f"<Error><Code>{self.code}</Code><Message>{self.message}</Message>{self.extra}</Error>"
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


class Drop(msgspec.Struct, frozen=True):
    """Closes the connection without an answer; the server never hears of it."""


class Forget(msgspec.Struct, frozen=True):
    """Lets the server do it and then closes the connection without an answer."""


class Hang(msgspec.Struct, frozen=True):
    """Gives no answer until the client leaves or the proxy stops."""


class Cut(msgspec.Struct, frozen=True):
    """Hands on the head of the answer and only so many bytes of its body."""

    after_bytes: int


class Flip(msgspec.Struct, frozen=True):
    """Changes one byte of the answer's body."""

    at: int


class Pass(msgspec.Struct, frozen=True):
    """Does nothing bad."""


Fault = Answer | Drop | Forget | Hang | Cut | Flip | Pass


class Request(msgspec.Struct, frozen=True):
    """A request that the proxy saw."""

    method: str
    path: str
    range: str = ""


class FaultProxy:
    """Stands before a server on this machine."""

    def __init__(self, upstream_port: int, *, without: frozenset[str] = frozenset()) -> None:
        """Hands requests on to a port of this machine, without some of their headers."""
        self._upstream, self._without = upstream_port, without
        self._faults: deque[Fault] = deque()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._always: Fault | None = None
        self.requests: list[Request] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.02))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next(self, *faults: Fault) -> None:
        """Has these faults happen to the next requests, one each."""
        with self._lock:
            self._faults.extend(faults)

    def always(self, fault: Fault | None) -> None:
        """Has this fault happen to every request from now on."""
        self._always = fault

    def count(self, method: str) -> int:
        """Returns how many requests had this method."""
        return sum(one.method == method for one in self.requests)

    def _take(self, handler: BaseHTTPRequestHandler) -> Fault:
        with self._lock:
            self.requests.append(Request(handler.command, handler.path, handler.headers.get("Range") or ""))
            return self._faults.popleft() if self._faults else self._always or Pass()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                fault = proxy._take(self)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    proxy._answer(self, fault, body)
                except OSError:
                    self.close_connection = True

            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):  # every method is served alike
                    return self._serve
                raise AttributeError(name)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _answer(self, handler: BaseHTTPRequestHandler, fault: Fault, body: bytes) -> None:
        if isinstance(fault, Answer):
            self._reply(handler, fault.status, list(fault.headers.items()), fault.body)
            return
        if isinstance(fault, Drop | Hang):
            if isinstance(fault, Hang):
                self._over.wait(30)
            handler.close_connection = True
            return
        status, headers, data = self._ask(handler, body)
        if isinstance(fault, Forget):
            handler.close_connection = True
            return
        if isinstance(fault, Flip) and data:
            data = data[: fault.at] + bytes([data[fault.at] ^ 1]) + data[fault.at + 1 :]
        if isinstance(fault, Cut):
            self._reply(handler, status, headers, data, cut=fault.after_bytes)
            handler.close_connection = True
            return
        self._reply(handler, status, headers, data)

    def _ask(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        link = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=30)
        try:
            headers: dict[str, Any] = {
                name: value for name, value in handler.headers.items() if name.lower() not in self._without
            }
            link.request(handler.command, handler.path, body, headers)
            response = link.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            link.close()

    def _reply(
        self,
        handler: BaseHTTPRequestHandler,
        status: int,
        headers: list[tuple[str, str]],
        data: bytes,
        cut: int | None = None,
    ) -> None:
        handler.send_response_only(status)
        length = str(len(data))
        for name, value in headers:
            if name.lower() == "content-length":
                length = value if handler.command == "HEAD" else length
            elif name.lower() not in {"transfer-encoding", "connection"}:
                handler.send_header(name, value)
        if status not in {204, 304}:
            handler.send_header("Content-Length", length)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(data if cut is None else data[:cut])
