"""Signatures belong to exactly one text and one key."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.access import InvalidPublicKey, Keys, KeyUnusable, SignatureInvalid, Signer, Verifier


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(Keys(tmp_path_factory.mktemp("keys")))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(Keys(tmp_path_factory.mktemp("other")))


@given(data=st.binary(max_size=1000))
def test_what_was_signed_is_verified_by_its_public_key_alone(signer: Signer, data: bytes) -> None:
    signature = signer.sign(data)

    signer.verify(data, signature)
    Verifier([signer.public_key()]).verify(data, signature)


@given(data=st.binary(max_size=100), other=st.binary(max_size=100))
def test_a_signature_fits_no_other_bytes(signer: Signer, data: bytes, other: bytes) -> None:
    signature = signer.sign(data)

    if other != data:
        with pytest.raises(SignatureInvalid, match="these bytes"):
            signer.verify(other, signature)


def test_a_long_text_can_be_signed(signer: Signer) -> None:
    data = bytes(5_000_000)

    signer.verify(data, signer.sign(data))


def test_a_signature_does_not_hold_what_was_signed(signer: Signer) -> None:
    assert len(signer.sign(bytes(100_000))) < 300


def test_a_signature_by_another_key_is_refused_and_both_keys_are_named(
    signer: Signer, stranger: Signer
) -> None:
    with pytest.raises(SignatureInvalid) as caught:
        signer.verify(b"x", stranger.sign(b"x"))

    assert stranger.key_id in caught.value.message
    assert signer.key_id in caught.value.hint


def test_several_keys_may_be_trusted(signer: Signer, stranger: Signer) -> None:
    verifier = Verifier([signer.public_key(), stranger.public_key()])

    verifier.verify(b"x", signer.sign(b"x"))
    verifier.verify(b"x", stranger.sign(b"x"))


def test_a_signature_that_claims_the_id_of_a_trusted_key_is_refused(signer: Signer, stranger: Signer) -> None:
    _, _, value = stranger.sign(b"x").split(".")
    header, _, _ = signer.sign(b"x").split(".")

    with pytest.raises(SignatureInvalid, match="these bytes"):
        signer.verify(b"x", f"{header}..{value}")


def test_a_signature_with_its_own_payload_does_not_vouch_for_other_bytes(signer: Signer) -> None:
    header, _, value = signer.sign(b"good").split(".")
    attached = f"{header}.{base64.urlsafe_b64encode(b'good').decode().rstrip('=')}.{value}"

    with pytest.raises(SignatureInvalid):
        signer.verify(b"evil", attached)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "none", "kid": "K"},
        {"alg": "HS256", "kid": "K"},
        {"alg": "EdDSA", "kid": "K"},
        {"alg": "Ed25519", "kid": "K", "jwk": {}},
        {"alg": "Ed25519", "kid": "K", "b64": False, "crit": ["b64"]},
        {"alg": "Ed25519", "kid": 5},
        ["alg"],
    ],
)
def test_another_header_than_the_one_written_here_is_refused(signer: Signer, header: object) -> None:
    _, _, value = signer.sign(b"x").split(".")
    text = json.dumps(header).replace('"K"', f'"{signer.key_id}"')

    with pytest.raises(SignatureInvalid):
        signer.verify(b"x", f"{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}..{value}")


@given(text=st.one_of(st.text(), st.text("eyJ.-_", max_size=40)))
def test_garbage_is_no_signature(signer: Signer, text: str) -> None:
    with pytest.raises(SignatureInvalid):
        signer.verify(b"x", text)


def test_a_file_that_holds_no_signing_key_is_named(tmp_path: Path, signer: Signer) -> None:
    for content in (b"nonsense", b"", signer.public_key()):
        keys = Keys(tmp_path)
        keys.signing_key_path.write_bytes(content)
        keys.signing_key_path.chmod(0o600)

        with pytest.raises(KeyUnusable, match="signing-key"):
            Signer(keys).sign(b"x")


def test_what_is_no_public_key_is_refused() -> None:
    for text in (b"", b"nonsense", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"):
        with pytest.raises(InvalidPublicKey):
            Verifier([text])


WITHOUT = """
import sys
sys.modules["joserfc"] = None
from pathlib import Path
from headwater.access import InvalidPublicKey, Keys, Signer, Tokens, Verifier
from headwater.db import Catalog
from headwater.errors import MissingExtra

keys = Keys(Path(sys.argv[1]) / "keys")
catalog = Catalog.create(f"sqlite:///{sys.argv[1]}/catalog.db")
tokens = Tokens(catalog, keys, workspace="w")
calls = {
    "sign": lambda: Signer(keys).sign(b"x"),
    "verify": lambda: Verifier([]),
    "create": lambda: tokens.create("t", ["admin"]),
    "token": lambda: tokens.verify("a.b.c"),
}
for name, call in calls.items():
    try:
        call()
    except MissingExtra as error:
        print(name, error.extra)
print(len(tokens.list().items), keys.token_secret_path.exists())
"""


def test_without_joserfc_only_what_needs_it_fails_and_names_the_extra(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(tmp_path)], check=True, capture_output=True, text=True
    )

    assert done.stdout.splitlines() == ["sign ml", "verify ml", "create serve", "token serve", "0 False"]


def test_importing_the_floor_does_not_import_joserfc() -> None:
    script = "import sys, headwater.access; print('joserfc' in sys.modules, 'cryptography' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)

    assert done.stdout.split() == ["False", "False"]
