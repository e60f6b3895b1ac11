"""Runs the S3 gateway of this workspace, in this process."""

from collections.abc import Callable

from headwater.api.documents import GatewayInfo
from headwater.gateway import Gateway, GatewayAsgi
from headwater.serving import AsgiServer
from headwater.workspace.parts import Parts
from headwater.workspace.presence import Announced, Presence


class GatewayServer(Announced):
    """A running gateway; a context manager that stops it."""

    def __init__(self, parts: Parts, *, host: str, port: int, domain: str = "localhost") -> None:
        """Takes the port; every request is signed, so others may reach it.

        Raises:
            CannotBind: The address is not this machine's, or the port is not allowed.
            PortInUse: Another program has the port.
        """
        gateway = Gateway(
            parts.catalog,
            parts.storage,
            parts.repos,
            parts.tokens,
            clock=parts.clock,
            domain=domain,
            scratch=parts.folder / "scratch" / "gateway",
        )
        self._presence = Presence(parts.catalog, parts.roster)
        self._server = AsgiServer(GatewayAsgi(gateway), host=host, port=port, may_be_public=True)

    @property
    def info(self) -> GatewayInfo:
        """Where it listens."""
        return GatewayInfo(url=self._server.url)

    def run(self, ready: Callable[[GatewayInfo], None]) -> None:
        """Answers until SIGINT or SIGTERM; calls `ready` once it does."""
        from headwater.workspace.running import until_signal

        with until_signal() as stop, self:
            ready(self.info)
            stop.wait()
