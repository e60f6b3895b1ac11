"""A workspace with a gateway that answers on a port, and clients that sign for a token."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from headwater.api.documents import TokenInfo
from headwater.workspace import Workspace

BUCKET = "main.reviews"


@dataclass(frozen=True)
class Site:
    """A running gateway and its workspace."""

    workspace: Workspace
    url: str

    def token(self, *scopes: str) -> TokenInfo:
        return self.workspace.tokens.create("a test", scopes or ["repo:*:write"])

    def client(self, token: TokenInfo | None = None, **options: Any) -> Any:
        """Returns boto3's client, which signs for a token; for one that may write everything by default."""
        return client(self.url, token or self.token(), **options)

    def commits(self, ref: str = "reviews@main") -> int:
        return len(self.workspace.log(ref, limit=10_000).items)


def client(url: str, token: TokenInfo, **options: Any) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=token.access_key,
        aws_secret_access_key=token.secret_key,
        region_name="eu-central-1",
        config=Config(
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            max_pool_connections=32,
            **options,
        ),
    )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Workspace.create(str(tmp_path / "work")) as workspace:
        workspace.create_repo("reviews")
        with workspace.gateway_in_background() as gateway:
            yield Site(workspace, gateway.info.url)


@pytest.fixture
def s3(site: Site) -> Any:
    """Returns a client that may write everything."""
    return site.client()


Refused = Callable[..., tuple[int, str]]


@pytest.fixture
def refused() -> Refused:
    """Returns a function that makes a call which must be refused, and gives status and code."""
    from botocore.exceptions import ClientError

    def call(operation: Callable[..., Any], **arguments: Any) -> tuple[int, str]:
        with pytest.raises(ClientError) as caught:
            operation(**arguments)
        answer: dict[str, Any] = caught.value.response
        return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]

    return call
