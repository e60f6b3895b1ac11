"""Serves models of this workspace, in this process."""

from collections.abc import Callable, Sequence

from headwater.api.documents import EndpointInfo, Listing
from headwater.errors import InvalidInput
from headwater.serving import App, Endpoint, Limits, RegistrySource, Server
from headwater.workspace.parts import Parts
from headwater.workspace.presence import Announced, Presence


class Serving(Announced):
    """A running server and its endpoints; a context manager that stops it."""

    def __init__(self, parts: Parts, models: Sequence[str], *, host: str, port: int) -> None:
        """Takes the port and loads the versions.

        Raises:
            InvalidInput: A name is not MODEL@ENVIRONMENT, or stands twice.
            PortInUse: Another program has the port.
        """
        self._endpoints = _endpoints(parts, models)
        app = App(
            self._endpoints,
            sink=parts.predictions,
            tokens=parts.tokens,
            limits=Limits(body_bytes=parts.config.serving.body_limit),
            clock=parts.clock,
        )
        self._server = Server(app, host=host, port=port)
        self._presence = Presence(parts.catalog, parts.roster)

    @property
    def endpoints(self) -> list[EndpointInfo]:
        """The endpoints as they are now."""
        return [endpoint.info(f"{self._server.url}/predict/{endpoint.name}") for endpoint in self._endpoints]

    def run(self, ready: Callable[[Listing[EndpointInfo]], None]) -> None:
        """Serves until SIGINT or SIGTERM; calls `ready` once requests are answered."""
        from headwater.workspace.running import until_signal

        with until_signal() as stop, self:
            ready(Listing(self.endpoints))
            stop.wait()

    def wait(self) -> None:
        """Waits until this process is told to stop."""
        from headwater.workspace.running import until_signal

        with until_signal() as stop:
            stop.wait()


def _endpoints(parts: Parts, models: Sequence[str]) -> list[Endpoint]:
    named: dict[str, Endpoint] = {}
    for text in models:
        model, at, environment = text.partition("@")
        if not (model and at and environment) or environment.isdigit():
            raise InvalidInput(
                f"{text!r} does not say what to serve.", hint="Write MODEL@ENVIRONMENT, such as iris@prod."
            )
        if model in named:
            raise InvalidInput(
                f"{model!r} is named twice, and an endpoint has its model's name.",
                hint="Serve them on two ports.",
            )
        parts.registry.model(model)
        parts.registry.environment(environment)
        source = RegistrySource(parts.registry, parts.repos, model, environment)
        named[model] = Endpoint(
            model,
            source,
            model=model,
            environment=environment,
            clock=parts.clock,
            poll_s=parts.config.serving.poll_s,
        )
    return list(named.values())
