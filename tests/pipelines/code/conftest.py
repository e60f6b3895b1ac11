"""A storage to write code into."""

from tests.storage.conftest import catalog, objects, storage

__all__ = ["catalog", "objects", "storage"]
