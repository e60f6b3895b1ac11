"""Reads one file from a web server: follows redirects, streams, and goes on where a connection broke.

The standard library's client is used, which knows proxies from the
environment. What it does not do is notice that a body ended too early; the
promised length is compared here.
"""

import http.client
import io
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import unquote, urlsplit

from headwater.storage.errors import RemoteNotFound, RemoteUnreadable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

TIMEOUT_S = 30.0
_ATTEMPTS = 5
_FIRST_WAIT_S = 0.2
_BUFFER_BYTES = 1024 * 1024
_AGENT = "headwater"
_MEANINGS = {
    401: ("asks who you are", "Fetch it with a tool that can log in, and give it as a stream: … | headwater put repo@branch:path -"),
    403: ("does not allow it", "Ask its owner, or fetch it with a tool that can log in and give it as a stream."),
    407: ("is behind a proxy that asks who you are", "Set HTTPS_PROXY with the proxy's name and password."),
    429: ("asks for fewer requests", "Wait a little, then try again."),
}  # fmt: skip


def describe(url: str) -> tuple[str, int | None]:
    """Returns the name and the size of the file at an address."""
    stream = _WebStream(url)
    stream.close()
    name = unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2]
    return name or "index.html", stream.size


def open(url: str) -> BinaryIO:
    """Opens the file at an address as a stream."""
    return cast("BinaryIO", io.BufferedReader(_WebStream(url), _BUFFER_BYTES))


class _WebStream(io.RawIOBase):
    """The body of an answer, taken up again where it broke off."""

    def __init__(self, url: str) -> None:
        self._url, self._at, self._failures = url, 0, 0
        self._response = self._request()
        headers = self._response.headers
        length = headers.get("Content-Length", "")
        self.size = int(length) if length.isdecimal() and not headers.get("Content-Encoding") else None
        etag = headers.get("ETag") or ""
        self._same = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        target = memoryview(buffer).cast("B")
        while True:
            try:
                count = self._response.readinto(target)
            except (OSError, http.client.HTTPException) as error:
                self._resume(str(error) or type(error).__name__)
                continue
            if count or not len(target):
                self._at += count
                self._failures = 0
                return count
            if self.size is None or self._at >= self.size:
                return 0
            self._resume(f"it ended after {self._at:,} of {self.size:,} bytes")

    def close(self) -> None:
        if not self.closed:
            self._response.close()
        super().close()

    def _resume(self, why: str) -> None:
        self._failures += 1
        self._response.close()
        if self._same is None or self._failures >= _ATTEMPTS:
            raise _unreadable(self._url, f"broke the connection off: {why}", "Try again later.")
        time.sleep(_FIRST_WAIT_S * 2**self._failures)
        self._response = self._request(self._at, self._same)
        if self._response.status != 206:  # the whole file again: it is another one, or parts are not served
            self._response.close()
            raise _unreadable(
                self._url,
                "broke the connection off, and the file has changed since or cannot be read from the middle",
                "Try again.",
            )

    def _request(self, start: int = 0, same: str | None = None) -> http.client.HTTPResponse:
        headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity"}
        if same is not None:
            headers |= {"Range": f"bytes={start}-", "If-Range": same}
        request = urllib.request.Request(self._url, headers=headers)  # noqa: S310 - http and https alone come here
        try:
            return cast("http.client.HTTPResponse", _OPENER.open(request, timeout=TIMEOUT_S))
        except urllib.error.HTTPError as error:
            error.close()
            raise _refused(self._url, error.code) from None
        except urllib.error.URLError as error:
            reason = error.reason
            raise _unreadable(
                self._url,
                f"cannot be reached: {getattr(reason, 'strerror', None) or reason}",
                "See that the address is right and the network works.",
            ) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _unreadable(
                self._url,
                f"cannot be reached: {error}",
                "See that the address is right and the network works.",
            ) from None


class _WebRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to web addresses alone, never from https to http."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: "object",
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme.lower()
        if scheme not in {"http", "https"} or (req.type == "https" and scheme == "http"):
            raise _unreadable(
                req.full_url, f"sends on to {scheme}:, which is not followed", "Give the final address."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


_OPENER = urllib.request.build_opener(_WebRedirects())


def _refused(url: str, status: int) -> RemoteNotFound | RemoteUnreadable:
    if status in {404, 410}:
        return RemoteNotFound(
            f"There is no file at {_shown(url)} (status {status}).", hint="Correct the address."
        )
    if status in _MEANINGS:
        what, hint = _MEANINGS[status]
    elif status < 400:
        what, hint = "sends on to an address that is not followed", "Give the final address."
    elif status >= 500:
        what, hint = "had a fault of its own", "Try again later."
    else:
        what, hint = "refused the request", "Open the address in a browser to see why."
    return _unreadable(url, f"{what} (status {status})", hint)


def _unreadable(url: str, what: str, hint: str) -> RemoteUnreadable:
    return RemoteUnreadable(f"{_shown(url)} cannot be read: the server {what}.", hint=hint)


def _shown(url: str) -> str:
    """Returns an address without its query, which may be what allows to read it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
