"""Who may do what: keys, tokens with scopes, and signatures.

    keys = Keys(folder / "keys", token_secret_file=settings_say)
    tokens = Tokens(catalog, keys, workspace=workspace_id)
    text = tokens.create("the web shop", ["predict:iris"], ttl_s=86_400).token
    tokens.verify(text).require("predict:iris")

    signature = Signer(keys).sign(manifest)

Tokens and signatures need joserfc (extras `serve` and `ml`), which is
imported when a key is first used.
"""

from headwater.access.catalog_keys import CatalogKeys
from headwater.access.errors import (
    InvalidPublicKey,
    InvalidScope,
    InvalidTokenSettings,
    KeyExposed,
    KeyUnavailable,
    KeyUnusable,
    ScopeMissing,
    SignatureInvalid,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
    TokenNotFound,
)
from headwater.access.keys import Keys, KeySource
from headwater.access.scopes import ADMIN, repo_scope
from headwater.access.signer import Signer, Verifier
from headwater.access.tokens import Claims, Tokens

__all__ = [
    "ADMIN",
    "CatalogKeys",
    "Claims",
    "InvalidPublicKey",
    "InvalidScope",
    "InvalidTokenSettings",
    "KeyExposed",
    "KeySource",
    "KeyUnavailable",
    "KeyUnusable",
    "Keys",
    "ScopeMissing",
    "SignatureInvalid",
    "Signer",
    "TokenExpired",
    "TokenInvalid",
    "TokenMissing",
    "TokenNotFound",
    "Tokens",
    "Verifier",
    "repo_scope",
]
