"""Connects to the bucket that a URL names, through obstore.

Credentials are looked for where each service's own tools look: environment
variables first, then what the machine has been given. obstore repeats nothing
by itself: how often and how long a request is tried is `RetryStore`'s affair,
so that there is one limit and not two multiplied.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from obstore.exceptions import BaseError

from headwater.settings import s3_endpoint
from headwater.storage.backends.faults import Place
from headwater.storage.backends.urls import StoreUrl
from headwater.storage.errors import InvalidStoreUrl

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

REQUEST_S = 120.0  # 24 MiB, the longest segment, at 200 KB/s
CONNECT_S = 5.0

_AWS = 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN where they are temporary), for instance by: eval "$(aws configure export-credentials --format env)"; on a machine of AWS give it a role.'
_GOOGLE = "name a service account's file in GOOGLE_APPLICATION_CREDENTIALS, or run: gcloud auth application-default login"
_AZURE = "set AZURE_STORAGE_ACCOUNT_KEY, or AZURE_CLIENT_ID, AZURE_CLIENT_SECRET and AZURE_TENANT_ID; on a machine of Azure give it an identity."


class Bucket(NamedTuple):
    """A bucket that requests can be sent to, and how its faults name it."""

    store: "ObjectStore"
    place: Place
    is_ordered: bool  # whether listings come in the order of keys


def connect(url: StoreUrl) -> Bucket:
    """Returns the bucket that a URL names; nothing is sent yet.

    Raises:
        InvalidStoreUrl: Something that is needed is neither in the URL nor in the environment.
    """
    try:
        return {"s3": _s3, "gs": _google, "az": _azure}[url.scheme](url)
    except (BaseError, OSError, ValueError, TypeError) as error:
        login = {"s3": _AWS, "gs": _GOOGLE, "az": _AZURE}[url.scheme]
        raise InvalidStoreUrl(
            f"There is not enough to reach {url} with, or it contradicts itself ({type(error).__name__}).",
            hint=f"Look at the options in the URL and at these: {login}",
        ) from None


def _s3(url: StoreUrl) -> Bucket:
    from obstore.store import S3Store

    config: dict[str, Any] = {"virtual_hosted_style_request": url.flag("virtual_hosted")}
    _say(config, "endpoint", url.text("endpoint"))
    _say(config, "region", url.text("region"))
    _say(config, "skip_signature", url.flag("anonymous") or None)
    _say(config, "disable_bulk_delete", None if url.flag("bulk_delete", default=True) else True)
    store = S3Store(
        url.bucket,
        prefix=url.prefix or None,
        config=config,  # type: ignore[arg-type]
        client_options=_client(url),
        retry_config=_retries(),
    )
    elsewhere = url.text("endpoint") or s3_endpoint()
    where = elsewhere or f"Amazon S3 ({url.text('region') or store.config.get('region', 'us-east-1')})"
    return Bucket(store, Place("bucket", url.bucket, where, _AWS), is_ordered=not elsewhere)


def _google(url: StoreUrl) -> Bucket:
    from obstore.store import GCSStore

    config: dict[str, Any] = {}
    _say(config, "base_url", url.text("endpoint"))
    _say(config, "skip_signature", url.flag("anonymous") or None)
    store = GCSStore(
        url.bucket,
        prefix=url.prefix or None,
        config=config,  # type: ignore[arg-type]
        client_options=_client(url),
        retry_config=_retries(),
    )
    return Bucket(
        store,
        Place("bucket", url.bucket, url.text("endpoint") or "Google Cloud Storage", _GOOGLE),
        is_ordered=url.text("endpoint") is None,
    )


def _azure(url: StoreUrl) -> Bucket:
    from obstore.store import AzureStore

    config: dict[str, Any] = {}
    _say(config, "account_name", url.text("account"))
    _say(config, "endpoint", url.text("endpoint"))
    _say(config, "skip_signature", url.flag("anonymous") or None)
    store = AzureStore(
        url.bucket,
        prefix=url.prefix or None,
        config=config,  # type: ignore[arg-type]
        client_options=_client(url),
        retry_config=_retries(),
    )
    account = url.text("account") or store.config.get("account_name", "")
    where = url.text("endpoint") or f"Azure Blob Storage (account {account})"
    return Bucket(store, Place("container", url.bucket, where, _AZURE), is_ordered=True)


def _client(url: StoreUrl) -> "ClientConfig":
    return {
        "allow_http": url.flag("allow_http"),
        "timeout": timedelta(seconds=url.number("timeout_s", REQUEST_S)),
        "connect_timeout": timedelta(seconds=url.number("connect_timeout_s", CONNECT_S)),
    }


def _retries() -> "RetryConfig":
    return {"max_retries": 0}


def _say(config: dict[str, Any], name: str, value: object) -> None:
    if value is not None:
        config[name] = value
