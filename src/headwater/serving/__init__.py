"""The data plane: endpoints that answer over REST with a model's predictions.

    source = RegistrySource(registry, repos, "iris", "prod")
    endpoint = Endpoint("iris", source, model="iris", environment="prod", clock=clock)
    app = App([endpoint], sink=log, tokens=tokens)
    with Server(app, port=0) as server:
        print(server.url)

`App.handle` is the core, over plain structs; `Asgi` and `Server` put it on a
socket. `PredictionSink` is what keeps the answers; monitoring has one.

Names are imported when they are first used, since the server and the models
bring heavy libraries.
"""

from typing import TYPE_CHECKING, Any

from headwater.serving.errors import (
    AuthenticationRequired,
    CannotBind,
    EndpointNotFound,
    PortInUse,
    ServerStopped,
)
from headwater.serving.messages import Limits, Request, Response
from headwater.serving.sink import PredictionRecord, PredictionSink

if TYPE_CHECKING:
    from headwater.serving.asgi import Asgi
    from headwater.serving.core import App
    from headwater.serving.endpoint import Endpoint, ModelSource, Served
    from headwater.serving.guard import TokenVerifier
    from headwater.serving.server import AsgiServer, Server
    from headwater.serving.source import RegistrySource

__all__ = [
    "App",
    "Asgi",
    "AsgiServer",
    "AuthenticationRequired",
    "CannotBind",
    "Endpoint",
    "EndpointNotFound",
    "Limits",
    "ModelSource",
    "PortInUse",
    "PredictionRecord",
    "PredictionSink",
    "RegistrySource",
    "Request",
    "Response",
    "Served",
    "Server",
    "ServerStopped",
    "TokenVerifier",
]

_LAZY = {
    "App": "core",
    "Asgi": "asgi",
    "AsgiServer": "server",
    "Endpoint": "endpoint",
    "ModelSource": "endpoint",
    "RegistrySource": "source",
    "Served": "endpoint",
    "Server": "server",
    "TokenVerifier": "guard",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
