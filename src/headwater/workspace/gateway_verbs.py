"""What a workspace does for programs that speak S3."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from headwater.api.documents import GatewayInfo
from headwater.telemetry import log_from
from headwater.workspace.parts import Parts

if TYPE_CHECKING:
    from headwater.workspace.gateway import GatewayServer


class GatewayVerbs:
    """The S3 gateway; each verb is one call into the floor that does it."""

    _parts: Parts

    def gateway(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 9000,
        domain: str = "localhost",
        ready: Callable[[GatewayInfo], None],
    ) -> None:
        """Answers S3 requests until told to stop; `ready` hears where."""
        from headwater.workspace.gateway import GatewayServer

        log_from("info")
        GatewayServer(self._parts, host=host, port=port, domain=domain).run(ready)

    def gateway_in_background(
        self, *, host: str = "127.0.0.1", port: int = 0, domain: str = "localhost"
    ) -> "GatewayServer":
        """Returns a gateway that answers while its `with` block runs."""
        from headwater.workspace.gateway import GatewayServer

        return GatewayServer(self._parts, host=host, port=port, domain=domain)
