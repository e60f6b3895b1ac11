"""Repos as a file system for whatever speaks fsspec: `headwater://reviews@main/1.txt`.

    pandas.read_csv("headwater://reviews@main/1.csv")
    frame.to_parquet("headwater://reviews@main/1.parquet")     # one commit
    fsspec.filesystem("headwater", workspace="./work").ls("reviews@v1")

fsspec finds the class by its entry point. It is an extra, imported when it is
first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.filesystem.filesystem import HeadwaterFileSystem

__all__ = ["HeadwaterFileSystem"]


def __getattr__(name: str) -> Any:
    if name != "HeadwaterFileSystem":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.util import find_spec

    from headwater.errors import MissingExtra

    if find_spec("fsspec") is None:
        raise MissingExtra("The file system headwater://", extra="fsspec")
    from headwater.filesystem.filesystem import HeadwaterFileSystem

    return HeadwaterFileSystem
