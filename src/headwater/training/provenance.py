"""What an artifact says of where it comes from, in `provenance.json`.

Only what follows from the inputs: ids, digests and versions of code. When and
where a version was made stands in its commit, so that the same inputs give
the same artifact byte for byte.
"""

from importlib.metadata import PackageNotFoundError, version

import msgspec

_LIBRARIES = ("headwater", "numpy", "pyarrow", "xgboost-cpu", "xgboost", "matplotlib", "msgspec")


class DataSource(msgspec.Struct, frozen=True, kw_only=True):
    """The data file as it was read: its repo, the commit's id, the path and the content's hash."""

    repo: str
    commit: str
    path: str
    hash: str
    branch: str = ""

    @property
    def ref(self) -> str:
        """The file at its commit, as a ref that never moves."""
        return f"{self.repo}@{self.commit}:/{self.path}"


class ArtifactProvenance(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `provenance.json`."""

    format: int = 1
    data: DataSource
    rows: int
    request: str
    code: str
    libraries: dict[str, str]

    def to_json(self) -> bytes:
        """Returns the bytes of `provenance.json`; equal values give equal bytes."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=2)


def library_versions() -> dict[str, str]:
    """Returns the versions of the packages that make an artifact, those that are installed."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
