"""The keys of a workspace without a folder, in its catalog: every machine finds the same ones.

A key is made when it is first needed, by an insert that does nothing where
another machine was faster. Who can read the catalog can read them, unless the
token secret comes from a file of the user's; docs/decisions/101 says what
that means.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from headwater.access import store
from headwater.access.keys import HMAC_KEY, SIGNING_KEY, checked_secret, new_secret, secret_in_file
from headwater.db import Catalog


class CatalogKeys:
    """The keys in one catalog; a `KeySource`."""

    def __init__(self, catalog: Catalog, *, token_secret_file: Path | None = None) -> None:
        """Reads nothing yet.

        Args:
            catalog: Where keys are or will be made.
            token_secret_file: A file of the user's to take the token secret from instead; it is never made.
        """
        self._catalog = catalog
        self._token_secret_file = token_secret_file

    @property
    def token_secret_place(self) -> str:
        """Where the secret that signs tokens comes from, for a person."""
        return str(self._token_secret_file or f"the catalog ({HMAC_KEY})")

    @property
    def signing_key_place(self) -> str:
        """Where the key that signs artifacts comes from, for a person."""
        return f"the catalog ({SIGNING_KEY})"

    def token_secret(self) -> bytes:
        """Returns the secret that signs tokens, at least 32 bytes; errors as for `Keys.token_secret`."""
        return self._token_secret

    def signing_key(self, make: Callable[[], bytes]) -> bytes:
        """Returns the key that signs artifacts, which `make` gives where there is none yet."""
        return self._read_or_make(SIGNING_KEY, make)

    def given_out(self) -> dict[str, bytes]:
        """Returns the keys of the catalog that there are; one that the user keeps in a file stays there."""
        with self._catalog.read() as conn:
            return store.all_keys(conn)

    def take_over(self, keys: Mapping[str, bytes]) -> None:
        """Keeps keys that another place of the same workspace gave out, unless there are keys already."""
        with self._catalog.write() as conn:
            for name, content in keys.items():
                store.add_key(conn, name, content)

    @cached_property
    def _token_secret(self) -> bytes:
        if self._token_secret_file is not None:
            return secret_in_file(self._token_secret_file)
        return checked_secret(self._read_or_make(HMAC_KEY, new_secret), self.token_secret_place)

    def _read_or_make(self, name: str, make: Callable[[], bytes]) -> bytes:
        with self._catalog.read() as conn:
            found = store.key_named(conn, name)
        if found is not None:
            return found
        made = make()
        with self._catalog.write() as conn:
            store.add_key(conn, name, made)
            return store.key_named(conn, name) or made
