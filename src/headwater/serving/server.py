"""Runs the core on uvicorn: binds first, starts then, and stops without dropping a request.

The port is taken before anything else happens, so that a port in use is one
clear error and nothing has started. `run` serves in this process until a
signal; `start` and `stop` do so on a thread, for a program that goes on.
"""

import errno
import ipaddress
import signal
import socket
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol, Self

import uvicorn

from headwater.serving.asgi import Asgi, Receive, Send
from headwater.serving.core import App
from headwater.serving.errors import AuthenticationRequired, CannotBind, PortInUse, ServerStopped

_BACKLOG = 2048
_GRACE_S = 30
_IDLE_S = 75  # longer than the usual balancer keeps a connection, so that the balancer closes it
_LAST_PORT = 65_535


class AsgiApp(Protocol):
    """An ASGI application that says whether it has started, and why not."""

    is_started: threading.Event
    failure: Exception | None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serves one connection scope."""
        ...


class AsgiServer:
    """One address that answers for one application; a context manager that starts and stops it."""

    def __init__(
        self, asgi: AsgiApp, *, host: str = "127.0.0.1", port: int = 0, may_be_public: bool = False
    ) -> None:
        """Takes the port.

        Args:
            asgi: What answers.
            host: The address to listen on.
            port: 0 for any that is free.
            may_be_public: Whether the address may be one that other machines reach: each request proves who asks.

        Raises:
            AuthenticationRequired: Others could ask without a token.
            PortInUse: Another program has the port.
            CannotBind: The address is not this machine's, or the port is not allowed.
        """
        self.host = host
        self._socket = _bind(host, port, may_be_public=may_be_public)
        self.port: int = self._socket.getsockname()[1]
        self._asgi = asgi
        self._uvicorn = _Uvicorn(_config(asgi))
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where the server really listens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def run(self) -> None:
        """Serves until SIGINT or SIGTERM, then finishes what is under way and flushes the log.

        Raises:
            ServerStopped: It could not start; the cause says why.
        """
        self._serve()
        self._raise_failure()

    def start(self) -> Self:
        """Serves on a thread; returns when requests are answered.

        Raises:
            ServerStopped: It could not start; the cause says why.
        """
        self._thread = threading.Thread(target=self._serve, name=f"server-{self.port}", daemon=True)
        self._thread.start()
        self._asgi.is_started.wait()
        self._raise_failure()
        return self

    def stop(self) -> None:
        """Takes no new requests, finishes those under way, flushes the log; a second call does nothing.

        Raises:
            ServerStopped: The log could not be flushed; its spool keeps what it holds.
        """
        self._uvicorn.should_exit = True
        if self._thread is None:
            self._socket.close()
            return
        self._thread.join()
        self._raise_failure()

    def __enter__(self) -> Self:
        """Starts."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops."""
        self.stop()

    def _serve(self) -> None:
        try:
            self._uvicorn.run(sockets=[self._socket])
        except SystemExit:
            # uvicorn's way to say that the app did not start; `failure` says why.
            pass
        finally:
            self._socket.close()
            self._asgi.is_started.set()

    def _raise_failure(self) -> None:
        failure, self._asgi.failure = self._asgi.failure, None
        if failure is not None:
            raise ServerStopped(
                f"The server on port {self.port} stopped: {failure}",
                hint="Mend what the message names, then start the server again.",
            ) from failure


class Server(AsgiServer):
    """One address that answers for one `App`."""

    def __init__(self, app: App, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Takes the port; an address that other machines reach needs an app with tokens. Errors as above."""
        self.app = app
        super().__init__(Asgi(app), host=host, port=port, may_be_public=not app.is_open)


class _Uvicorn(uvicorn.Server):
    """uvicorn, except that a signal ends `run` and is not raised again afterwards."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {name: signal.signal(name, self.handle_exit) for name in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)


def _config(asgi: AsgiApp) -> uvicorn.Config:
    return uvicorn.Config(
        asgi,
        lifespan="on",
        ws="none",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_GRACE_S,
    )


def _bind(host: str, port: int, *, may_be_public: bool) -> socket.socket:
    if not 0 <= port <= _LAST_PORT:
        raise CannotBind(host, port, f"ports are 0 to {_LAST_PORT}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise CannotBind(host, port, f"{error}") from None
    if not may_be_public and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise AuthenticationRequired(host)
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Two sockets may be bound to one port as long as neither listens.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(host, port) from None
        raise CannotBind(host, port, str(error)) from None
    return listener
