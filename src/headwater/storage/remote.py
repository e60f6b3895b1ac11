"""Files at addresses outside of the workspace, as sources for `put`.

    for file in list_remote("s3://photos/2024/"):
        with open_remote(file.url) as stream:
            writer.add(stream)

`http:` and `https:` name one file; `s3:`, `gs:` and `az:` one object, or with
a slash at the end everything below a prefix. Bytes are streamed: of an object
some parts are fetched ahead, of a web page one. A connection that breaks is
taken up where it ended, if the file is still the same one by its ETag.

Who may read is found as for object stores, never in the address.
"""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple
from urllib.parse import urlsplit

from headwater.errors import InvalidInput

SCHEMES = ("http", "https", "s3", "gs", "az")


class RemoteFile(NamedTuple):
    """A file that can be read from elsewhere."""

    name: str  # below what was listed, as a path; of a single file its last part
    size: int | None  # none where the server does not say
    url: str  # what `open_remote` opens it by


def is_remote_source(url: str) -> bool:
    """Tells whether a text is an address that can be read from, and no path of this machine."""
    scheme, mark, _ = url.partition("://")
    return bool(mark) and scheme.lower() in SCHEMES


def list_remote(url: str) -> Iterator[RemoteFile]:
    """Yields the file at an address, or all files below it if it ends with a slash or names a bucket.

    Raises:
        InvalidInput: It is no address that can be read from.
        RemoteNotFound: There is nothing.
        RemoteUnreadable: The server refuses, or does not answer.
        StorageUnavailable: The bucket cannot be read.
    """
    if _is_web(url):
        from headwater.storage.backends import web

        name, size = web.describe(url)
        return iter([RemoteFile(name, size, url)])
    from headwater.storage.backends import sources

    return (RemoteFile(*found) for found in sources.files(url))


def open_remote(url: str) -> BinaryIO:
    """Opens the file at an address as a stream of bytes.

    Raises:
        InvalidInput: It is no address that can be read from.
        RemoteNotFound: There is nothing.
        RemoteUnreadable: The server refuses or does not answer; reading may raise it too.
        StorageUnavailable: The bucket cannot be read; reading may raise it too.
    """
    if _is_web(url):
        from headwater.storage.backends import web

        return web.open(url)
    from headwater.storage.backends import sources

    return sources.open(url)


def _is_web(url: str) -> bool:
    """Tells web addresses from objects, and refuses everything else."""
    if not is_remote_source(url):
        raise InvalidInput(
            f"{url!r} is no address that files can be read from.",
            hint="Use http://, https://, s3://bucket/key, gs://bucket/key or az://container/key.",
        )
    parts = urlsplit(url)
    if parts.scheme.lower() in {"http", "https"}:
        if parts.username or parts.password:
            raise InvalidInput(
                f"The address at {parts.hostname} carries a name and password.",
                hint="Fetch that file with a tool of your own and give it as a stream: curl … | headwater put repo@branch:path -",
            )
        if not parts.hostname:
            raise InvalidInput(f"{url!r} names no host.", hint="Write it as https://host/path.")
        return True
    return False
