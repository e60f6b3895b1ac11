"""The S3 gateway: every branch, tag and commit as a bucket, for whatever speaks S3.

    gateway = Gateway(catalog, storage, repos, tokens, clock=clock)
    with AsgiServer(GatewayAsgi(gateway), port=9000) as server:
        ...  # aws --endpoint-url server.url s3 ls s3://main.reviews/

`Gateway.handle` is the core, over plain values; `GatewayAsgi` puts it on a
server. `UploadRoots` tells a sweep what uploads under way still need. Names
are imported when they are first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.gateway.app import Gateway
    from headwater.gateway.asgi import GatewayAsgi
    from headwater.gateway.buckets import bucket_name
    from headwater.gateway.errors import S3Refusal, UploadsGone
    from headwater.gateway.messages import S3Request, S3Response
    from headwater.gateway.roots import UploadRoots

__all__ = [
    "Gateway",
    "GatewayAsgi",
    "S3Refusal",
    "S3Request",
    "S3Response",
    "UploadRoots",
    "UploadsGone",
    "bucket_name",
]

_HOMES = {
    "Gateway": "app",
    "GatewayAsgi": "asgi",
    "S3Refusal": "errors",
    "S3Request": "messages",
    "S3Response": "messages",
    "UploadRoots": "roots",
    "UploadsGone": "errors",
    "bucket_name": "buckets",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
