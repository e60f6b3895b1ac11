"""What code and packages a training result is computed with, as one digest.

The sources of the floors that turn rows into an artifact are read and hashed,
not a version number that somebody has to remember to raise: any change of the
code is seen, and a result is computed anew.
"""

from functools import cache
from pathlib import Path
from platform import python_version

from blake3 import blake3

from headwater.training.provenance import library_versions

_FLOORS = ("features", "models", "training")


@cache
def code_fingerprint() -> str:
    """Returns the digest of the training code, its packages and the interpreter, 64 hexadecimal digits."""
    root = Path(__file__).parent.parent
    hasher = blake3(derive_key_context="headwater 2026 training code v1")
    for floor in _FLOORS:
        for source in sorted((root / floor).rglob("*.py")):
            _add(hasher, source.relative_to(root).as_posix().encode(), source.read_bytes())
    for package, found in sorted({"python": python_version(), **library_versions()}.items()):
        _add(hasher, package.encode(), found.encode())
    return hasher.hexdigest()


def _add(hasher: blake3, *fields: bytes) -> None:
    for field in fields:
        hasher.update(len(field).to_bytes(8, "little"))
        hasher.update(field)
