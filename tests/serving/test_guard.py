import asyncio

import pytest

from headwater.access import Tokens
from headwater.serving.answers import Refusal
from headwater.serving.guard import Guard
from tests.clocks import HandClock


@pytest.fixture
def guard(tokens: Tokens, clock: HandClock) -> Guard:
    return Guard(tokens, clock=clock)


def text_of(tokens: Tokens, *scopes: str, ttl_s: float = 3600) -> str:
    text = tokens.create("test", scopes, ttl_s).token
    assert text is not None
    return text


def refusal(guard: Guard, header: str | None, endpoint: str = "iris") -> Refusal:
    with pytest.raises(Refusal) as caught:
        asyncio.run(guard.admit(header, endpoint))
    return caught.value


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "JWT", "jwt", " Bearer  "])
@pytest.mark.parametrize("scope", ["predict:iris", "predict:*", "admin"])
def test_a_token_with_the_scope_is_admitted(guard: Guard, tokens: Tokens, scheme: str, scope: str) -> None:
    asyncio.run(guard.admit(f"{scheme} {text_of(tokens, scope)}", "iris"))


@pytest.mark.parametrize("header", [None, ""])
def test_no_token_is_missing(guard: Guard, header: str | None) -> None:
    answer = refusal(guard, header)

    assert answer.code == "TOKEN_MISSING"
    assert ("www-authenticate", "Bearer") in answer.headers


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer nonsense", "Bearer a.b.c", "x"]
)
def test_what_is_no_token_is_invalid(guard: Guard, header: str) -> None:
    assert refusal(guard, header).code == "TOKEN_INVALID"


def test_a_token_for_another_endpoint_is_forbidden(guard: Guard, tokens: Tokens) -> None:
    answer = refusal(guard, f"Bearer {text_of(tokens, 'predict:housing')}")

    assert answer.code == "FORBIDDEN"
    assert "predict:iris" in answer.message


def test_a_token_expires_though_it_was_remembered(guard: Guard, tokens: Tokens, clock: HandClock) -> None:
    header = f"Bearer {text_of(tokens, 'predict:*', ttl_s=60)}"
    asyncio.run(guard.admit(header, "iris"))

    clock.sleep(3600)

    assert refusal(guard, header).code == "TOKEN_EXPIRED"


def test_a_revoked_token_stops_working_within_seconds(guard: Guard, tokens: Tokens, clock: HandClock) -> None:
    made = tokens.create("test", ["predict:*"], 3600)
    asyncio.run(guard.admit(f"Bearer {made.token}", "iris"))

    tokens.revoke(made.id)
    clock.sleep(3)

    assert refusal(guard, f"Bearer {made.token}").code == "TOKEN_INVALID"


def test_without_tokens_everybody_is_admitted(clock: HandClock) -> None:
    guard = Guard(None, clock=clock)

    asyncio.run(guard.admit(None, "iris"))

    assert guard.is_open
