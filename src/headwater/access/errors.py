"""What can be wrong with a token, a scope, a key file or a signature.

Errors about a token carry `code`, the stable word that a REST answer shows.
None of them ever holds the text of a token or a key.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from headwater.errors import Corrupt, Forbidden, InvalidInput, NotFound, Refused, Unavailable


class TokenMissing(Forbidden):
    """A token is needed and none was sent."""

    kind = "token-missing"
    code: ClassVar[str] = "TOKEN_MISSING"

    def __init__(self) -> None:
        """Says how to send one."""
        super().__init__(
            "This needs a token and none was sent.",
            hint="Send `Authorization: Bearer …`; `headwater token create` makes a token.",
        )


class TokenInvalid(Forbidden):
    """The token is not one of this workspace's, or was revoked."""

    kind = "token-invalid"
    code: ClassVar[str] = "TOKEN_INVALID"

    def __init__(self, reason: str) -> None:
        """Takes the reason as the end of a sentence about the token."""
        super().__init__(f"The token {reason}.", hint="Make a new one with `headwater token create`.")


class TokenExpired(Forbidden):
    """The token was good once."""

    kind = "token-expired"
    code: ClassVar[str] = "TOKEN_EXPIRED"

    def __init__(self) -> None:
        """Says what to do."""
        super().__init__("The token has expired.", hint="Make a new one with `headwater token create`.")


class ScopeMissing(Forbidden):
    """The token is good, but not for this."""

    kind = "scope-missing"
    code: ClassVar[str] = "FORBIDDEN"

    def __init__(self, scope: str) -> None:
        """Names the scope that would allow it."""
        super().__init__(
            f"This token does not have the scope {scope!r}.",
            hint=f"Make one that does: headwater token create --scope {scope}",
        )
        self.scope = scope


class InvalidScope(InvalidInput):
    """A scope is not one that tokens can have."""

    kind = "invalid-scope"

    def __init__(self, scope: str) -> None:
        """Names the scope and those there are."""
        super().__init__(
            f"{scope!r} is not a scope.",
            hint="Use predict:NAME for one endpoint, repo:NAME:read or repo:NAME:write for a repo "
            "(* in place of NAME for all), or admin for everything.",
        )


class InvalidTokenSettings(InvalidInput):
    """A token was asked for with a name, scopes or a lifetime that it cannot have."""

    kind = "invalid-token-settings"


class TokenNotFound(NotFound):
    """No token has this id."""

    kind = "token-not-found"

    def __init__(self, token_id: str) -> None:
        """Names the id."""
        super().__init__(
            f"There is no token with the id {token_id!r}.",
            hint="`headwater token list` shows the ids; the token itself is not its id.",
        )


class KeyExposed(Refused):
    """A key can be read or replaced by other users of the machine."""

    kind = "key-exposed"

    def __init__(self, path: Path, *, mode: int, wanted: int, danger: str) -> None:
        """Names the path, its permissions, and the command that mends them."""
        super().__init__(
            f"The permissions {mode:03o} of {path} let other users {danger}.",
            hint=f"Run: chmod {wanted:03o} {path}",
        )
        self.path = path


class KeyUnusable(Corrupt):
    """What should be a key is none of the kind that is needed."""

    kind = "key-unusable"

    def __init__(self, path: Path | str, reason: str, *, hint: str = "") -> None:
        """Names the file and what is wrong with it."""
        super().__init__(
            f"The key in {path} cannot be used: {reason}.",
            hint=hint
            or "Put the right file back from a backup; a new key makes tokens and signatures of the old one void.",
        )
        self.path = path


class KeyUnavailable(Unavailable):
    """A key file cannot be read or made right now."""

    kind = "key-unavailable"

    def __init__(self, path: Path, error: OSError) -> None:
        """Names the file and what the system says."""
        super().__init__(
            f"The key {path} cannot be read or made: {error.strerror or error}.",
            hint="Name a file that is there, in a folder that this user may use.",
        )
        self.path = path


class InvalidPublicKey(InvalidInput):
    """A text that should be a public key is none."""

    kind = "invalid-public-key"

    def __init__(self, reason: str) -> None:
        """Takes what is wrong with it."""
        super().__init__(
            f"A public key cannot be used: {reason}.",
            hint="Give the PEM text of an Ed25519 key, as `Signer.public_key` returns it.",
        )


class SignatureInvalid(Corrupt):
    """A signature does not belong to these bytes, or is by a key that is not trusted."""

    kind = "signature-invalid"

    def __init__(self, reason: str, *, trusted: Iterable[str] = ()) -> None:
        """Takes the reason as the end of a sentence, and the ids of the keys that would do."""
        keys = ", ".join(trusted)
        super().__init__(
            f"The signature {reason}.",
            hint=f"Trusted here: {keys}. Get the signed files anew from where they came from."
            if keys
            else "Get the signed files anew from where they came from.",
        )
