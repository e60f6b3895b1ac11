"""Tokens: what they allow, when they end, and everything that is no token."""

import base64
import json
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from headwater.access import (
    InvalidScope,
    InvalidTokenSettings,
    Keys,
    KeyUnusable,
    ScopeMissing,
    Signer,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
    TokenNotFound,
    Tokens,
)
from headwater.access.tables import tokens as table
from headwater.db import Catalog
from headwater.errors import Forbidden, InvalidInput
from tests.clocks import HandClock


def text_of(tokens: Tokens, *scopes: str, ttl_s: float = 60) -> str:
    text = tokens.create("test", scopes or ("admin",), ttl_s).token
    assert text is not None
    return text


def forged(key: bytes, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Returns a token signed with `key` whose claims are right but for those given."""
    now_s = 1_800_000_000
    whole = {"iss": "w1", "jti": "0" * 32, "iat": now_s, "exp": now_s + 60, "scope": "admin"} | claims
    return jwt.encode(
        header or {"typ": "JWT", "alg": "HS256"},
        {name: value for name, value in whole.items() if value is not None},
        OctKey.import_key(key),
        algorithms=["HS256", "HS512"],
    )


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_token_carries_its_scopes(tokens: Tokens) -> None:
    made = tokens.create("the shop", ["predict:iris", "predict:housing", "predict:iris"], ttl_s=60)

    claims = tokens.verify(made.token)

    assert (claims.id, claims.scopes) == (made.id, ("predict:iris", "predict:housing"))
    assert made.expires == "2027-01-15T08:01:00.000Z"


@pytest.mark.parametrize(
    ("granted", "wanted", "is_allowed"),
    [
        ("predict:iris", "predict:iris", True),
        ("predict:iris", "predict:iri", False),
        ("predict:iris", "predict:iris2", False),
        ("predict:iris", "predict:*", False),
        ("predict:iris", "admin", False),
        ("predict:*", "predict:iris", True),
        ("predict:*", "admin", False),
        ("predict:*", "write:iris", False),
        ("admin", "predict:iris", True),
        ("admin", "admin", True),
        ("admin", "repo:reviews:write", True),
        ("repo:reviews:read", "repo:reviews:read", True),
        ("repo:reviews:read", "repo:reviews:write", False),
        ("repo:reviews:read", "repo:secrets:read", False),
        ("repo:reviews:write", "repo:reviews:read", True),
        ("repo:reviews:write", "repo:reviews:write", True),
        ("repo:*:read", "repo:models/iris:read", True),
        ("repo:*:read", "repo:reviews:write", False),
        ("repo:*:write", "repo:reviews:read", True),
        ("repo:models/iris:read", "repo:models/iris:read", True),
        ("predict:*", "repo:reviews:read", False),
        ("repo:*:write", "predict:iris", False),
    ],
)
def test_a_scope_allows_what_it_names(tokens: Tokens, granted: str, wanted: str, *, is_allowed: bool) -> None:
    claims = tokens.verify(text_of(tokens, granted))

    assert claims.allows(wanted) is is_allowed
    if not is_allowed:
        with pytest.raises(ScopeMissing) as caught:
            claims.require(wanted)
        assert (caught.value.code, caught.value.scope) == ("FORBIDDEN", wanted)


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "predict",
        "predict:",
        "Predict:iris",
        "predict:Iris",
        "predict:a b",
        "*",
        "admin\n",
        "repo:a",
        "repo:a:all",
        "repo:a b:read",
    ],
)
def test_what_is_no_scope_is_refused_by_name(tokens: Tokens, scope: str) -> None:
    with pytest.raises(InvalidScope) as caught:
        tokens.create("t", [scope])

    assert repr(scope) in caught.value.message


def test_a_token_needs_a_name_a_scope_and_a_bounded_life(tokens: Tokens) -> None:
    for name, scopes, ttl_s in [
        (" ", ["admin"], 60.0),
        ("n" * 256, ["admin"], 60.0),
        ("a\nb", ["admin"], 60.0),
        ("t", [], 60.0),
        ("t", ["admin"], 0.0),
        ("t", ["admin"], -5.0),
        ("t", ["admin"], float("nan")),
        ("t", ["admin"], float("inf")),
        ("t", [f"predict:endpoint-{number}" for number in range(300)], 60.0),
    ]:
        with pytest.raises(InvalidTokenSettings):
            tokens.create(name, scopes, ttl_s)

    assert tokens.list().items == []


def test_the_catalog_does_not_hold_the_text_of_a_token(tokens: Tokens, catalog: Catalog) -> None:
    text = text_of(tokens, "predict:iris")

    with catalog.read() as conn:
        row = dict(conn.execute(sa.select(table)).mappings().one())

    assert set(row) == {"id", "name", "scopes", "created_ms", "expires_ms", "revoked_ms"}
    assert all(piece not in str(row) for piece in text.split("."))


def test_a_token_ends_at_its_time_and_a_few_seconds_for_clocks_that_differ(
    tokens: Tokens, clock: HandClock
) -> None:
    text = text_of(tokens, ttl_s=60)
    remembered = text_of(tokens, ttl_s=60)
    tokens.verify(remembered)

    clock.sleep(69)
    claims = tokens.verify(text)
    tokens.verify(remembered)
    clock.sleep(1)

    assert claims.expires_ms == clock.now_ms()
    for ended in (text, remembered, remembered):
        with pytest.raises(TokenExpired) as caught:
            tokens.verify(ended)
        assert caught.value.code == "TOKEN_EXPIRED"


def test_a_revoked_token_stops_at_once_here_and_within_seconds_elsewhere(
    tokens: Tokens, catalog: Catalog, keys: Keys, clock: HandClock
) -> None:
    made = tokens.create("t", ["admin"], 60)
    elsewhere = Tokens(catalog, keys, workspace="w1", clock=clock, recheck_s=2.0)
    for process in (tokens, elsewhere):
        process.verify(made.token)

    tokens.revoke(made.id)

    with pytest.raises(TokenInvalid, match="revoked") as caught:
        tokens.verify(made.token)
    assert caught.value.code == "TOKEN_INVALID"
    clock.sleep(1.9)
    assert elsewhere.verify(made.token).id == made.id
    clock.sleep(0.2)
    with pytest.raises(TokenInvalid, match="revoked"):
        elsewhere.verify(made.token)


def test_a_refresh_sees_a_revocation_at_once(
    tokens: Tokens, catalog: Catalog, keys: Keys, clock: HandClock
) -> None:
    made = tokens.create("t", ["admin"], 60)
    elsewhere = Tokens(catalog, keys, workspace="w1", clock=clock)
    elsewhere.verify(made.token)
    tokens.revoke(made.id)

    elsewhere.refresh()

    with pytest.raises(TokenInvalid, match="revoked"):
        elsewhere.verify(made.token)


def test_a_revoked_token_does_not_come_back_in_the_seconds_after_its_end(
    tokens: Tokens, clock: HandClock
) -> None:
    made = tokens.create("t", ["admin"], 60)
    tokens.verify(made.token)
    tokens.revoke(made.id)

    clock.sleep(65)

    with pytest.raises(TokenInvalid):
        tokens.verify(made.token)


def test_revoking_again_changes_nothing_and_an_unknown_id_is_named(tokens: Tokens) -> None:
    made = tokens.create("t", ["admin"], 60)

    assert tokens.revoke(made.id).id == tokens.revoke(made.id).id == made.id
    with pytest.raises(TokenNotFound, match="'abc'"):
        tokens.revoke("abc")


def test_a_verified_token_costs_no_look_at_the_catalog(tokens: Tokens, catalog: Catalog) -> None:
    text = text_of(tokens)
    first = tokens.verify(text)
    statements: list[str] = []

    def hear(*given: Any) -> None:
        statements.append(given[2])

    sa.event.listen(sa.Engine, "before_cursor_execute", hear)
    try:
        again = [tokens.verify(text) for _ in range(100)]
        asked = len(statements)
        tokens.list()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", hear)

    assert (set(again), asked, len(statements)) == ({first}, 0, 1)


def test_the_list_shows_usable_tokens_without_their_texts_page_by_page(
    tokens: Tokens, clock: HandClock
) -> None:
    tokens.create("expired", ["admin"], 1)
    made = []
    for number in range(5):
        clock.sleep(1 if number % 2 else 0)
        made.append(tokens.create(f"t{number}", ["admin"], 60).id)
    clock.sleep(2)
    revoked = made.pop(2)
    tokens.revoke(revoked)

    first = tokens.list(limit=2)
    second = tokens.list(limit=2, after=first.next)

    assert {info.id for info in [*first.items, *second.items]} == set(made)
    assert (len(first.items), second.next) == (2, None)
    assert all(info.token is None for info in first.items)
    with pytest.raises(InvalidInput, match="cursor"):
        tokens.list(after="nonsense")


@pytest.mark.parametrize("text", [None, ""])
def test_no_token_is_its_own_error(tokens: Tokens, text: str | None) -> None:
    with pytest.raises(TokenMissing) as caught:
        tokens.verify(text)

    assert caught.value.code == "TOKEN_MISSING"


def test_a_token_without_a_signature_is_refused(tokens: Tokens) -> None:
    payload = text_of(tokens).split(".")[1]

    for header in ({"alg": "none"}, {"typ": "JWT", "alg": "none"}, {"typ": "JWT", "alg": "None"}):
        for text in (
            f"{part(header)}.{payload}.",
            f"{part(header)}.{payload}",
            f"{part(header)}.{payload}.AA",
        ):
            with pytest.raises(TokenInvalid):
                tokens.verify(text)


def test_another_algorithm_is_refused_even_with_the_right_key(tokens: Tokens, keys: Keys) -> None:
    made = tokens.create("t", ["admin"], 60)
    secret = keys.token_secret()

    tokens.verify(forged(secret, jti=made.id))
    with pytest.raises(TokenInvalid):
        tokens.verify(forged(secret, {"typ": "JWT", "alg": "HS512"}, jti=made.id))


@pytest.mark.parametrize(
    "extra",
    [
        {"kid": "x"},
        {"jwk": {"kty": "oct", "k": "AA"}},
        {"jku": "https://example.org"},
        {"b64": True, "crit": ["b64"]},
    ],
)
def test_a_header_that_brings_more_than_type_and_algorithm_is_refused(
    tokens: Tokens, keys: Keys, extra: dict[str, Any]
) -> None:
    made = tokens.create("t", ["admin"], 60)

    with pytest.raises(TokenInvalid):
        tokens.verify(forged(keys.token_secret(), {"typ": "JWT", "alg": "HS256"} | extra, jti=made.id))


def test_a_public_key_is_no_secret_for_tokens(
    tokens: Tokens, keys: Keys, catalog: Catalog, tmp_path: Path
) -> None:
    public = Signer(keys).public_key()
    file = tmp_path / "public.pem"
    file.write_bytes(public)
    file.chmod(0o600)

    with pytest.raises(KeyUnusable, match=r"public\.pem"):
        Tokens(catalog, Keys(tmp_path, token_secret_file=file), workspace="w1").create("t", ["admin"])


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "w2"},
        {"iss": None},
        {"iss": ["w1"]},
        {"jti": None},
        {"jti": 5},
        {"exp": None},
        {"exp": "never"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"iat": None},
        {"iat": 1_800_000_060},
        {"scope": None},
        {"scope": ""},
    ],
)
def test_wrong_claims_are_refused_though_the_key_is_right(
    tokens: Tokens, keys: Keys, claims: dict[str, Any]
) -> None:
    made = tokens.create("t", ["admin"], 60)

    with pytest.raises(TokenInvalid):
        tokens.verify(forged(keys.token_secret(), **({"jti": made.id} | claims)))


def test_a_token_that_the_catalog_does_not_know_is_refused(tokens: Tokens, keys: Keys) -> None:
    with pytest.raises(TokenInvalid, match="not known"):
        tokens.verify(forged(keys.token_secret()))


def test_a_token_of_another_key_or_workspace_is_refused(
    tokens: Tokens, catalog: Catalog, keys: Keys, clock: HandClock, tmp_path: Path
) -> None:
    other_key = Tokens(catalog, Keys(tmp_path / "other"), workspace="w1", clock=clock)
    other_workspace = Tokens(catalog, keys, workspace="w2", clock=clock)

    for other in (other_key, other_workspace):
        with pytest.raises(TokenInvalid):
            tokens.verify(text_of(other))


def test_a_changed_character_anywhere_makes_a_token_worthless(tokens: Tokens) -> None:
    text = text_of(tokens)
    tokens.verify(text)

    for position, character in enumerate(text):
        changed = text[:position] + ("A" if character != "A" else "B") + text[position + 1 :]
        with pytest.raises(Forbidden):
            tokens.verify(changed)


def test_an_oversized_token_is_refused_before_it_is_read(tokens: Tokens) -> None:
    header, payload, signature = text_of(tokens).split(".")

    with pytest.raises(TokenInvalid, match="longer"):
        tokens.verify(f"{header}.{payload * 100}.{signature}")


def test_deeply_nested_json_is_refused(tokens: Tokens) -> None:
    _, payload, signature = text_of(tokens).split(".")
    for header in ("[" * 2000, '{"alg":' * 300):
        text = base64.urlsafe_b64encode(header.encode()).decode().rstrip("=")

        with pytest.raises(TokenInvalid):
            tokens.verify(f"{text}.{payload}.{signature}")


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    folder = tmp_path_factory.mktemp("tokens")
    return Tokens(Catalog.create(f"sqlite:///{folder}/catalog.db"), Keys(folder / "keys"), workspace="w1")


@given(
    text=st.one_of(
        st.text(min_size=1),
        st.text("eyJ.-_=\n\ud800", min_size=1, max_size=60),
        st.lists(
            st.recursive(st.none() | st.integers() | st.text(), st.lists).map(part), min_size=3, max_size=3
        ).map(".".join),
    )
)
def test_garbage_is_no_token(lasting: Tokens, text: str) -> None:
    with pytest.raises(TokenInvalid):
        lasting.verify(text)


def test_many_threads_may_verify_while_tokens_are_revoked(tokens: Tokens) -> None:
    made = [tokens.create(f"t{number}", ["admin"], 60) for number in range(8)]
    seen: list[str] = []

    def ask() -> None:
        for info in made * 20:
            try:
                seen.append(tokens.verify(info.token).id)
            except TokenInvalid:
                seen.append("refused")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for info in made:
        tokens.revoke(info.id)
    for thread in threads:
        thread.join()

    assert len(seen) == 4 * 20 * 8
    for info in made:
        with pytest.raises(TokenInvalid):
            tokens.verify(info.token)


def test_a_token_for_repos_has_keys_that_are_its_own(tokens: Tokens) -> None:
    one, other = tokens.create("one", ["repo:*:read"]), tokens.create("other", ["admin"])

    assert one.access_key == one.id
    assert one.secret_key == tokens.secret_key(one.id)
    assert len(one.secret_key or "") == 40
    assert one.secret_key != other.secret_key
    assert tokens.create("third", ["predict:*"]).secret_key is None
    assert [row.secret_key for row in tokens.list().items] == [None] * 3


def test_a_secret_key_belongs_to_one_workspace(catalog: Catalog, keys: Keys, clock: HandClock) -> None:
    here, there = (Tokens(catalog, keys, workspace=name, clock=clock) for name in ("w1", "w2"))

    assert here.secret_key("0" * 32) != there.secret_key("0" * 32)


def test_what_a_token_allows_is_found_by_its_id_until_it_ends(tokens: Tokens, clock: HandClock) -> None:
    made = tokens.create("test", ["repo:reviews:read"], 60)

    assert tokens.claims_of(made.id).scopes == ("repo:reviews:read",)
    with pytest.raises(TokenInvalid):
        tokens.claims_of("0" * 32)
    clock.ms += 71_000
    with pytest.raises(TokenExpired):
        tokens.claims_of(made.id)


def test_a_revoked_token_is_not_found_by_its_id_any_more(tokens: Tokens) -> None:
    made = tokens.create("test", ["repo:reviews:read"], 60)
    tokens.claims_of(made.id)

    tokens.revoke(made.id)

    with pytest.raises(TokenInvalid):
        tokens.claims_of(made.id)
