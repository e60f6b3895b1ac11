"""The workspace's two keys: the secret that signs tokens, the key that signs artifacts.

A workspace in a folder has them as files; one without a folder has them in
its catalog, where all machines find them (`catalog_keys`).

A key is made when it is first needed. It appears under its name whole or not
at all, and when two processes need it at once, both get the one that was
first: the new key is written and synced under another name and then linked,
which fails where the name is taken. A key that other users of the machine
can read is not a key, so it is refused.

Keys never leave this floor; what others get are tokens and signatures.
"""

import os
import secrets
import stat
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from headwater.access.errors import KeyExposed, KeyUnavailable, KeyUnusable

HMAC_KEY = "token-secret"
SIGNING_KEY = "signing-key.pem"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
# HS256 wants at least the length of its hash: RFC 7518, section 3.2.
LEAST_BYTES = 32
_MOST_BYTES = 16 * 1024


class KeySource(Protocol):
    """Where a workspace's keys come from; one that is not there yet is made once, whoever asks."""

    @property
    def token_secret_place(self) -> str:
        """Where the secret that signs tokens comes from, for a person."""
        ...

    @property
    def signing_key_place(self) -> str:
        """Where the key that signs artifacts comes from, for a person."""
        ...

    def token_secret(self) -> bytes:
        """Returns the secret that signs tokens, at least 32 bytes."""
        ...

    def signing_key(self, make: Callable[[], bytes]) -> bytes:
        """Returns the key that signs artifacts, which `make` gives where there is none yet."""
        ...

    def given_out(self) -> dict[str, bytes]:
        """Returns the keys there are, for another place of the same workspace."""
        ...

    def take_over(self, keys: Mapping[str, bytes]) -> None:
        """Keeps keys that another place of the same workspace gave out, unless there are keys already."""
        ...


class Keys:
    """The keys in one folder."""

    def __init__(self, folder: Path, *, token_secret_file: Path | None = None) -> None:
        """Touches nothing yet.

        Args:
            folder: Where keys lie or will be made, such as `.headwater/keys`.
            token_secret_file: A file of the user's to take the token secret from instead; it is never made.
        """
        self._folder = folder
        self._token_secret_file = token_secret_file
        self.signing_key_path = folder / SIGNING_KEY

    @property
    def token_secret_path(self) -> Path:
        """Where the secret that signs tokens comes from."""
        return self._token_secret_file or self._folder / HMAC_KEY

    @property
    def token_secret_place(self) -> str:
        """Where the secret that signs tokens comes from, for a person."""
        return str(self.token_secret_path)

    @property
    def signing_key_place(self) -> str:
        """Where the key that signs artifacts comes from, for a person."""
        return str(self.signing_key_path)

    def token_secret(self) -> bytes:
        """Returns the secret that signs tokens, at least 32 bytes.

        Raises:
            KeyExposed: Other users can read the file, or replace it.
            KeyUnusable: It holds too little.
            KeyUnavailable: It cannot be read, or made.
        """
        if self._token_secret_file is not None:
            return secret_in_file(self._token_secret_file)
        path = self.token_secret_path
        return checked_secret(self._read_or_make(path, new_secret), path)

    def signing_key(self, make: Callable[[], bytes]) -> bytes:
        """Returns the content of the file with the signing key, which `make` gives where there is none yet.

        Raises:
            KeyExposed: Other users can read the file, or replace it.
            KeyUnavailable: It cannot be read, or made.
        """
        return self._read_or_make(self.signing_key_path, make)

    def given_out(self) -> dict[str, bytes]:
        """Returns the keys of the folder that there are; one that the user keeps elsewhere stays there."""
        paths = {name: self._folder / name for name in (HMAC_KEY, SIGNING_KEY)}
        return {name: _read(path) for name, path in paths.items() if path.exists()}

    def take_over(self, keys: Mapping[str, bytes]) -> None:
        """Keeps keys that another place of the same workspace gave out, unless there are keys already."""
        for name, content in keys.items():
            self._read_or_make(self._folder / name, partial(bytes, content))

    def _read_or_make(self, path: Path, make: Callable[[], bytes]) -> bytes:
        try:
            self._folder.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        except OSError as error:
            raise KeyUnavailable(path, error) from None
        _refuse_shared_folder(self._folder)
        if not path.exists():
            try:
                _create(path, make())
            except OSError as error:
                raise KeyUnavailable(path, error) from None
        return _read(path)


def new_secret() -> bytes:
    """Returns a secret that nobody had before."""
    return secrets.token_urlsafe(LEAST_BYTES).encode() + b"\n"


def secret_in_file(path: Path) -> bytes:
    """Returns the secret in a file of the user's; errors as for `Keys.token_secret`."""
    return checked_secret(_read(path), path)


def checked_secret(content: bytes, place: Path | str) -> bytes:
    """Returns a secret without the space around it.

    Raises:
        KeyUnusable: It is too short.
    """
    secret = content.strip()
    if len(secret) < LEAST_BYTES:
        raise KeyUnusable(
            place,
            f"it has {len(secret)} bytes and needs {LEAST_BYTES}",
            hint=f"Make one: (umask 077; head -c 32 /dev/urandom | base64 > {place})",
        )
    return secret


def _refuse_shared_folder(folder: Path) -> None:
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & _OTHERS_WRITE:
        raise KeyExposed(folder, mode=mode, wanted=stat.S_IRWXU, danger="replace the keys in it")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise KeyUnusable(path, "it is not a regular file", hint="Name a file that holds the key.")
            mode = stat.S_IMODE(status.st_mode)
            if mode & _OTHERS:
                wanted = stat.S_IRUSR | stat.S_IWUSR
                raise KeyExposed(path, mode=mode, wanted=wanted, danger="read or change the key in it")
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise KeyUnavailable(path, error) from None
    if len(content) > _MOST_BYTES:
        raise KeyUnusable(
            path, f"it has more than {_MOST_BYTES} bytes", hint="Name a file that holds only the key."
        )
    return content


def _create(path: Path, content: bytes) -> None:
    """Makes the file whole and durable under its name; leaves it alone where there is one already."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(unfinished)
        except FileExistsError:
            return  # another process was first, and its key counts
    finally:
        unfinished.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
