"""What can keep an endpoint or a server from starting."""

from headwater.errors import NotFound, Refused, Unavailable


class CannotBind(Unavailable):
    """The address cannot be listened on."""

    kind = "cannot-bind"

    def __init__(self, host: str, port: int, reason: str, *, hint: str = "") -> None:
        """Names the address and what the system says about it."""
        super().__init__(
            f"Cannot listen on {host} port {port}: {reason}.",
            hint=hint
            or "Give an address of this machine with --host and a port that you may use with --port.",
        )
        self.host, self.port = host, port


class PortInUse(CannotBind):
    """Another program listens on the port already."""

    kind = "port-in-use"

    def __init__(self, host: str, port: int) -> None:
        """Names the port."""
        super().__init__(
            host,
            port,
            "the port is in use",
            hint="Give another one with --port, or --port 0 for any that is free.",
        )


class AuthenticationRequired(Refused):
    """An address that others can reach was asked for without tokens."""

    kind = "authentication-required"

    def __init__(self, host: str) -> None:
        """Names the address."""
        super().__init__(
            f"{host} can be reached from other machines, so requests must carry a token.",
            hint="Serve with tokens (`headwater token create`), or on 127.0.0.1.",
        )
        self.host = host


class EndpointNotFound(NotFound):
    """No endpoint has this name."""

    kind = "endpoint-not-found"

    def __init__(self, name: str, known: list[str]) -> None:
        """Names the endpoint and those that exist."""
        super().__init__(
            f"There is no endpoint {name!r}.", hint=f"Endpoints here: {', '.join(sorted(known)) or 'none'}."
        )


class ServerStopped(Unavailable):
    """The server ended before it was ready."""

    kind = "server-stopped"
