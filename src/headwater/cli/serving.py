"""Commands about endpoints and the tokens that open them."""

from cyclopts import App

from headwater.cli import output
from headwater.cli.opening import open_here

token = App(name="token", help="Create, list and revoke tokens")


def serve(models: list[str], /, *, host: str = "127.0.0.1", port: int = 8080) -> None:
    """Serve models of an environment over REST

    Example:
        headwater serve iris@prod --port 8080

    Args:
        models: MODEL@ENVIRONMENT, one or several
        host: The address to listen on
        port: The port; 0 takes a free one
    """
    with open_here() as workspace:
        workspace.serve(models, host=host, port=port, ready=output.show)


@token.command(name="create")
def create_token(*, scope: list[str], name: str = "command line", hours: float = 24.0) -> None:
    """Create a token; it is shown this once

    Example:
        headwater token create --scope predict:iris --hours 8

    Args:
        scope: What it opens, such as predict:iris or predict:*; may be given several times
        name: Whose it is
        hours: How long it is valid
    """
    with open_here() as workspace:
        output.show(workspace.tokens.create(name, scope, ttl_s=hours * 3600))


@token.command(name="list")
def list_tokens() -> None:
    """List tokens

    Example:
        headwater token list
    """
    with open_here() as workspace:
        output.show(workspace.tokens.list())


@token.command(name="revoke")
def revoke_token(id: str) -> None:
    """Revoke a token

    Example:
        headwater token revoke 5d0e…

    Args:
        id: Its id
    """
    with open_here() as workspace:
        output.show(workspace.tokens.revoke(id))
