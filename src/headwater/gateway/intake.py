"""Takes large bodies in: kept on disk while they come, then written to the store by a few threads.

Writing a body needs up to 150 MiB for segments that fill and go out, so only
two do it at once, always on the same two threads: what an allocator keeps for
a thread, it keeps twice and not once for each request's. A slow client must not
hold one of these places, so its body is awaited first, on disk, where it is
checked to its end before anything of it is stored.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

from headwater.gateway.errors import S3Refusal
from headwater.gateway.payload import Payload

SMALL_BYTES = 1024 * 1024  # up to here a body is held in memory, and may share a commit
_WRITERS = 2
_PIECE = 1 << 20
T = TypeVar("T")


class Intake:
    """Where large bodies wait; for all requests of a gateway."""

    def __init__(self, folder: Path | None = None) -> None:
        """Takes the folder on a disk that bodies are kept in; the system's own for temporary files where absent."""
        self._folder = folder
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="headwater-intake")

    def write(self, do: Callable[[], T]) -> T:
        """Returns what a function does that writes much, once it is its turn."""
        return self._writers.submit(do).result()

    @contextmanager
    def received(self, payload: Payload) -> Iterator[IO[bytes]]:
        """Gives a body that came whole and was checked.

        Raises:
            S3Refusal: The body is not what was meant, or there is no room for it.
        """
        try:
            if self._folder is not None:
                self._folder.mkdir(parents=True, exist_ok=True)
            kept = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed below
        except OSError as error:
            raise _no_room(error) from None
        with kept:
            try:
                shutil.copyfileobj(payload, kept, _PIECE)
                kept.seek(0)
            except OSError as error:
                raise _no_room(error) from None
            yield kept


def _no_room(error: OSError) -> S3Refusal:
    return S3Refusal(
        "ServiceUnavailable",
        f"There is no room on the gateway's disk for the body: {error.strerror or error}.",
    )
