"""What endpoints are tested with: a clock moved by hand, real tokens, and logs that only remember."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headwater.access import Keys, Tokens
from headwater.db import Catalog
from headwater.serving import App, Endpoint, PredictionRecord, Request, Response
from tests.clocks import HandClock
from tests.serving.flowers import Shelf


class Remembered:
    """A sink that remembers the groups that it was given, and refuses them while it is `full`."""

    def __init__(self) -> None:
        self.groups: list[list[PredictionRecord]] = []
        self.calls: list[str] = []
        self.is_full = False

    @property
    def records(self) -> list[PredictionRecord]:
        return [record for group in self.groups for record in group]

    def start(self) -> None:
        self.calls.append("start")

    def accept(self, records: Sequence[PredictionRecord]) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.groups.append(list(records))

    def flush(self) -> None:
        self.calls.append("flush")

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def sink() -> Remembered:
    return Remembered()


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog.create(f"sqlite:///{tmp_path}/catalog.db")
    yield catalog
    catalog.close()


@pytest.fixture
def tokens(catalog: Catalog, tmp_path: Path, clock: HandClock) -> Tokens:
    return Tokens(catalog, Keys(tmp_path / "keys"), workspace="w1", clock=clock)


class Reply:
    """A response, decoded."""

    def __init__(self, response: Response) -> None:
        self.status = response.status
        self.headers = dict(response.headers)
        self.document: dict[str, Any] = msgspec.json.decode(response.body)

    def __getattr__(self, name: str) -> Any:
        return self.document[name]

    @property
    def found(self) -> tuple[int, str]:
        return self.status, self.document["code"]


class Caller:
    """Asks an app without a socket."""

    def __init__(self, app: App) -> None:
        self.app = app

    def __call__(
        self, path: str, body: object = b"", *, method: str = "POST", query: str = "", **headers: str
    ) -> Reply:
        """Sends one request; header names have `_` for `-`, and a body that is no bytes becomes JSON."""
        [reply] = self.together([self.request(path, body, method=method, query=query, **headers)])
        return reply

    def together(self, requests: Sequence[Request]) -> list[Reply]:
        """Sends requests that arrive in one tick of the loop."""

        async def ask() -> list[Response]:
            return await asyncio.gather(*map(self.app.handle, requests))

        return [Reply(response) for response in asyncio.run(ask())]

    def request(
        self, path: str, body: object = b"", *, method: str = "POST", query: str = "", **headers: str
    ) -> Request:
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return Request(
            method, path, query, {name.replace("_", "-"): text for name, text in headers.items()}, data
        )


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def endpoint(shelf: Shelf, clock: HandClock) -> Endpoint:
    endpoint = Endpoint("iris", shelf, model="iris", environment="prod", clock=clock)
    endpoint.refresh()
    return endpoint


@pytest.fixture
def app(endpoint: Endpoint, sink: Remembered, clock: HandClock) -> App:
    return App([endpoint], sink=sink, clock=clock)


@pytest.fixture
def ask(app: App) -> Caller:
    return Caller(app)


@pytest.fixture
def guarded(endpoint: Endpoint, sink: Remembered, clock: HandClock, tokens: Tokens) -> Caller:
    return Caller(App([endpoint], sink=sink, clock=clock, tokens=tokens))
