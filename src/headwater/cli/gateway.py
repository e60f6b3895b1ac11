"""The command that opens repos to programs that speak S3."""

from headwater.cli import output
from headwater.cli.opening import open_here


def gateway(*, host: str = "127.0.0.1", port: int = 9000, domain: str = "localhost") -> None:
    """Serve branches, tags and commits as S3 buckets

    Example:
        headwater gateway --port 9000

    Args:
        host: The address to listen on; requests are signed, but put TLS before one that others reach
        port: The port; 0 takes a free one
        domain: Hosts below it name a bucket, as in main.reviews.localhost
    """
    with open_here() as workspace:
        workspace.gateway(host=host, port=port, domain=domain, ready=output.show)
