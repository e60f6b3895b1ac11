"""What the URL of a remote store may say: scheme, bucket, prefix, and options by name.

    s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=us-east-1&allow_http=true

A URL is shown, logged and kept in catalogs, so it never carries credentials;
one that does is refused without repeating them.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode

from headwater.errors import did_you_mean
from headwater.storage.errors import InvalidStoreUrl

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}")
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_SECRET = re.compile(r"key|secret|token|password|credential|signature|\bsig\b|sas|auth", re.IGNORECASE)

# Options that every remote store knows. Their units are in their names.
_COMMON = {
    "allow_http": bool,
    "anonymous": bool,
    "conditional_put": bool,
    "connect_timeout_s": float,
    "endpoint": str,
    "retry_s": float,
    "timeout_s": float,
}
OPTIONS: Mapping[str, Mapping[str, type]] = {
    "s3": _COMMON | {"bulk_delete": bool, "region": str, "virtual_hosted": bool},
    "gs": _COMMON,
    "az": _COMMON | {"account": str},
}

Value = str | bool | float


class StoreUrl(NamedTuple):
    """The parts of a URL, checked."""

    scheme: str
    bucket: str
    prefix: str
    options: Mapping[str, Value]

    def __str__(self) -> str:
        """The URL in its one form: options in order, no slash at the end."""
        place = f"{self.scheme}://{self.bucket}" + (f"/{quote(self.prefix)}" if self.prefix else "")
        said = {name: _text(value) for name, value in sorted(self.options.items())}
        return place + (f"?{urlencode(said, safe=':/')}" if said else "")

    def text(self, name: str) -> str | None:
        """Returns an option that is text."""
        value = self.options.get(name)
        return value if isinstance(value, str) else None

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Returns an option that is true or false."""
        return bool(self.options.get(name, default))

    def number(self, name: str, default: float) -> float:
        """Returns an option that is a number."""
        return float(self.options.get(name, default))


def parse(url: str, *, any_name: bool = False) -> StoreUrl:
    """Returns the parts of a URL of a remote store.

    Args:
        url: The URL.
        any_name: Whether the prefix may be any name, as of objects that others wrote, not only our own.

    Raises:
        InvalidStoreUrl: All that is wrong with it.
    """
    scheme, _, rest = url.partition("://")
    place, _, query = rest.partition("?")
    if "@" in place.partition("/")[0]:
        raise _refused_secret("before the @")
    bucket, _, path = place.partition("/")
    prefix = unquote(path)
    wrong: list[str] = []
    if not _BUCKET.fullmatch(bucket):
        wrong.append(f"{bucket!r} is no name of a bucket" if bucket else "the bucket is missing")
    if not any_name:
        prefix = prefix.strip("/")
        wrong += _wrong_prefix(prefix)
    options = _options(scheme, query, wrong)
    endpoint = options.get("endpoint")
    if isinstance(endpoint, str):
        wrong += _wrong_endpoint(endpoint, allow_http=bool(options.get("allow_http")))
    if wrong:
        raise InvalidStoreUrl(
            f"The URL of the {scheme} store cannot be used: {'; '.join(wrong)}.",
            hint="Write it as s3://bucket/prefix?endpoint=https://host:port&region=us-east-1 (options are all optional); see docs/object-stores.md.",
            details=[{"problem": one} for one in wrong],
        )
    return StoreUrl(scheme, bucket, prefix, options)


def _options(scheme: str, query: str, wrong: list[str]) -> dict[str, Value]:
    known, found = OPTIONS[scheme], dict[str, Value]()
    for name, value in parse_qsl(query, keep_blank_values=True):
        kind = known.get(name)
        if kind is None and _SECRET.search(name):
            raise _refused_secret(f"in the option {name!r}")
        if kind is None:
            wrong.append(f"there is no option {name!r}. {did_you_mean(name, known)}".rstrip(". "))
        elif name in found:
            wrong.append(f"{name} is given twice")
        else:
            converted = _convert(kind, value)
            if converted is None:
                wrong.append(f"{name} cannot be {value!r}")
            else:
                found[name] = converted
    return found


def _convert(kind: type, value: str) -> Value | None:
    if kind is bool:
        return _TRUTH.get(value.lower())
    if kind is float:
        try:
            number = float(value)
        except ValueError:
            return None
        return number if 0 < number <= 86_400 else None
    return value.rstrip("/") or None


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else value


def _wrong_prefix(prefix: str) -> list[str]:
    """A prefix that others can write too is refused, so that a key is one place and not two."""
    if not prefix:
        return []
    parts = prefix.split("/")
    if any(part in {"", ".", ".."} or not re.fullmatch(r"[A-Za-z0-9_.=+-]{1,255}", part) for part in parts):
        return [
            f"the prefix {prefix!r} has other signs than letters, digits, '-', '_', '.', '=', '+', and '/' between parts"
        ]
    return []


def _wrong_endpoint(endpoint: str, *, allow_http: bool) -> list[str]:
    match = re.fullmatch(r"(https?)://(?:[^\s/?#]*@)?([^\s/?#@]+)(/[^\s?#]*)?", endpoint)
    if match is None:
        return [f"the endpoint {endpoint!r} is not of the form https://host:port"]
    if "@" in endpoint:
        raise _refused_secret("in the endpoint")
    if match[1] == "http" and not allow_http:
        return ["the endpoint is http:// and thus readable on the way; say allow_http=true if that is meant"]
    return []


def _refused_secret(where: str) -> InvalidStoreUrl:
    return InvalidStoreUrl(
        f"The URL of the store carries what looks like credentials {where}; URLs are shown and kept.",
        hint="Leave them out: they come from the environment (AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_KEY) or from the machine. If they were real, change them now.",
    )
