"""One digest of all that computes a result: stored files, how they are called, interpreter and packages.

The encoding is frozen in docs/format/commits.md: a change of it would
recompute everything that was ever made.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from blake3 import blake3

_CONTEXT = "headwater 2026 code v1"


class TransformCode(Protocol):
    """What of a transform this package reads; its fields are those of a spec's `Transform`."""

    @property
    def function(self) -> str:
        """The `module:name` that is called; empty for a command."""
        ...

    @property
    def setup(self) -> str:
        """The `module:name` that prepares a worker process."""
        ...

    @property
    def command(self) -> tuple[str, ...]:
        """The words of a command."""
        ...

    @property
    def stdin(self) -> tuple[str, ...]:
        """Lines for it."""
        ...

    @property
    def accept(self) -> tuple[int, ...]:
        """Exit statuses that count as success."""
        ...

    @property
    def image(self) -> str:
        """The image that it runs in."""
        ...

    @property
    def packages(self) -> tuple[str, ...]:
        """Distributions whose versions count."""
        ...

    @property
    def working_folder(self) -> str:
        """Where the command starts."""
        ...


def fingerprint(tree_root_hash: bytes, transform: TransformCode, environment: Mapping[str, str]) -> str:
    """Returns what a result depends on beside its inputs and settings, as 64 hexadecimal digits.

    How many datums a call gets, what recovers from a failure, declared
    variables and secrets are not in it: the first two change no result, the
    third is part of a memo key on its own, and the last are never part of one.

    Args:
        tree_root_hash: Of the stored files; empty where there are none.
        transform: Says what is called, and what counts as success.
        environment: Name → version, as `environment` returned it.
    """
    hasher = blake3(derive_key_context=_CONTEXT)
    lists: list[Sequence[str]] = [
        (transform.function, transform.setup),
        transform.command,
        transform.stdin,
        [str(status) for status in sorted(set(transform.accept))],
        (transform.working_folder,),
        [text for pair in sorted(environment.items()) for text in pair],
    ]
    _add(hasher, tree_root_hash)
    for texts in lists:
        hasher.update(len(texts).to_bytes(8, "little"))
        for text in texts:
            _add(hasher, text.encode())
    return hasher.hexdigest()


def _add(hasher: blake3, field: bytes) -> None:
    hasher.update(len(field).to_bytes(8, "little"))
    hasher.update(field)
