"""Endpoints from the command line: real requests with real tokens, and what is left when they end."""

import http.client
import json
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from headwater.demos.client import SteadyClient
from tests.stories.program import Command, Running, Start, commands_in, program_in
from tests.waiting import until

ROW = {"SepalLength": 5.1, "SepalWidth": 3.5, "PetalLength": 1.4, "PetalWidth": 0.2, "ResultTargetValue": 0}
SOME = "?target=PetalWidth"
SOON_S = 10.0


@dataclass(frozen=True)
class Endpoint:
    """An endpoint that a process serves, and the command line beside it."""

    headwater: Command
    running: Running

    @property
    def document(self) -> dict[str, Any]:
        (endpoint,) = self.running.document()["items"]
        found: dict[str, Any] = endpoint
        return found

    @property
    def url(self) -> str:
        url: str = self.document["url"]
        return url

    def token(self, *words: str, scope: str = "predict:iris") -> dict[str, Any]:
        made: dict[str, Any] = self.headwater("token", "create", "--scope", scope, "--json", *words).document
        return made

    def ask(self, authorization: str | None, row: Any = ROW, query: str = SOME) -> tuple[int, dict[str, Any]]:
        """Sends a row and returns status and answer."""
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection("127.0.0.1", place.port or 80, timeout=SOON_S)
        headers = {"Content-Type": "application/json"}
        if authorization is not None:
            headers["Authorization"] = authorization
        try:
            connection.request("POST", place.path + query, json.dumps(row), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def endpoint(deployed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """Serves version 1 in prod; tests share it, and may bring version 2 there."""
    folder = tmp_path_factory.mktemp("endpoint")
    shutil.copytree(deployed, folder, dirs_exist_ok=True)
    running = Running(folder, ("serve", "iris@prod", "--port", "0", "--json"), 0)
    made = Endpoint(program_in(folder), running)
    assert made.document["state"] == "ready", made.document
    yield made
    assert running.end().status == 0


@pytest.fixture(scope="module")
def token(endpoint: Endpoint) -> str:
    text: str = endpoint.token()["token"]
    return text


def test_its_document_says_where_it_is_once_it_answers(endpoint: Endpoint) -> None:
    assert endpoint.document.items() >= {"name": "iris", "model": "iris", "environment": "prod"}.items()
    assert (endpoint.document["version"], endpoint.document["state"]) == (1, "ready")
    assert urlsplit(endpoint.url).hostname == "127.0.0.1"
    assert urlsplit(endpoint.url).path == "/predict/iris"


@pytest.mark.parametrize("scheme", ["Bearer", "JWT"])
def test_a_token_opens_it_under_both_schemes(endpoint: Endpoint, token: str, scheme: str) -> None:
    status, answer = endpoint.ask(f"{scheme} {token}", query="")

    assert status == 200
    assert answer.items() >= {"success": True, "code": "OK", "errors": [], "model": "iris"}.items()
    assert answer["message"]
    assert answer["id"]
    assert list(answer["prediction"]) == list(ROW)
    for prediction in answer["prediction"].values():
        assert prediction["lower"] < prediction["value"] < prediction["upper"]


def test_it_answers_as_the_command_line_predicts(endpoint: Endpoint, token: str) -> None:
    rows = [ROW, ROW | {"PetalLength": 5.0}]
    words = ("predict", "iris@prod", "--input", "-", "--target", "PetalWidth", "--json")

    _, answer = endpoint.ask(f"Bearer {token}", rows)
    by_hand = endpoint.headwater(*words, stdin=json.dumps(rows).encode()).document["items"]

    for over_rest, here in zip(answer["prediction"], by_hand, strict=True):
        assert over_rest.get("PetalWidth", over_rest) == here.get("PetalWidth", here)


def test_a_bad_row_names_every_field(endpoint: Endpoint, token: str) -> None:
    row = {"SepalLength": "long", "SepalWidth": 3.5, "PetalWidth": 0.2, "ResultTargetValue": 0}

    status, answer = endpoint.ask(f"Bearer {token}", row, query="")

    assert (status, answer["success"], answer["prediction"]) == (422, False, None)
    assert [(one["field"], one["code"]) for one in answer["errors"]] == [
        ("SepalLength", "FIELD_TYPE"),
        ("PetalLength", "FIELD_MISSING"),
    ]
    assert answer["code"] == "FIELD_TYPE"


def test_without_a_good_token_nobody_is_answered(endpoint: Endpoint, token: str) -> None:
    other = endpoint.token(scope="predict:tulips")["token"]

    refused = [endpoint.ask(text) for text in (None, "Bearer no.token.here", f"Bearer {token}x")]
    forbidden = endpoint.ask(f"Bearer {other}")

    assert [(status, answer["code"]) for status, answer in refused] == [
        (401, "TOKEN_MISSING"),
        (401, "TOKEN_INVALID"),
        (401, "TOKEN_INVALID"),
    ]
    assert (forbidden[0], forbidden[1]["code"]) == (403, "FORBIDDEN")
    assert "predict:iris" in forbidden[1]["message"]
    assert all(answer["prediction"] is None for _, answer in [*refused, forbidden])


def test_a_token_is_worthless_within_seconds_of_its_revocation(endpoint: Endpoint) -> None:
    made = endpoint.token("--name", "a laptop that was lost")
    assert endpoint.ask(f"Bearer {made['token']}")[0] == 200
    listed = endpoint.headwater("token", "list", "--json").document["items"]

    endpoint.headwater("token", "revoke", made["id"])

    assert [one["token"] for one in listed if one["id"] == made["id"]] == [None]
    refusal = until(lambda: _refusal(endpoint, made["token"]), "the token to be refused", SOON_S)
    assert refusal == (401, "TOKEN_INVALID")
    assert made["id"] not in {
        one["id"] for one in endpoint.headwater("token", "list", "--json").document["items"]
    }


def test_a_port_in_use_is_named(endpoint: Endpoint) -> None:
    port = str(urlsplit(endpoint.url).port)

    ended = endpoint.headwater("serve", "iris@staging", "--port", port, "--json", status=1)

    assert ended.error["kind"] == "port-in-use"
    assert port in ended.error["message"]
    assert "--port" in ended.error["hint"]


@pytest.mark.parametrize(
    ("words", "kind", "says"),
    [
        (("serve", "iris"), "invalid-input", "iris@prod"),
        (("serve", "iris@1"), "invalid-input", "MODEL@ENVIRONMENT"),
        (("serve", "irs@prod"), "model-not-found", "'iris'"),
        (("serve", "iris@production"), "environment-not-found", "prod"),
        (("token", "create", "--scope", "everything"), "invalid-scope", "everything"),
        (("token", "revoke", "0000"), "token-not-found", "0000"),
    ],
)
def test_what_cannot_be_served_is_named(
    deployed: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    kind: str,
    says: str,
) -> None:
    ended = commands_in(deployed, monkeypatch, capfd)(*words, "--json", status=1)

    assert ended.error["kind"] == kind
    assert says in ended.error["message"] + ended.error["hint"]


def test_a_promotion_takes_over_while_no_request_fails(endpoint: Endpoint, token: str) -> None:
    client = SteadyClient(endpoint.url + SOME, ROW, token)
    try:
        assert client.wait_for(1, 10, SOON_S)
        endpoint.headwater("promote", "iris@2", "prod")
        took_over = client.wait_for(2, 10, SOON_S)
    finally:
        client.stop()

    assert took_over, client.answered
    assert client.failed == 0
    assert set(client.answered) == {1, 2}


def test_a_stopped_server_leaves_every_prediction_committed(production: Command, start: Start) -> None:
    # An address that others reach is fine, for nobody is answered without a token.
    served = Endpoint(
        production,
        start("serve", "iris@prod", "--host", "0.0.0.0", "--port", "0", "--json"),  # noqa: S104
    )
    bearer = f"Bearer {served.token()['token']}"
    refused, _ = served.ask(None)
    ids = [served.ask(bearer)[1]["id"] for _ in range(2)]

    ended = served.running.end(signal.SIGTERM)

    assert refused == 401
    assert ended.status == 0, ended
    assert ended.document["items"][0]["environment"] == "prod"
    assert production("log", "predictions/iris", "--json").document["items"]
    for id in ids:
        steps = production("why", id, "--json").document["items"]
        assert steps[0].items() >= {"kind": "prediction", "ref": id}.items()
        assert {"version", "file", "code", "request", "commit"} <= {step["kind"] for step in steps}
        lines = production("cat", steps[1]["ref"]).out.splitlines()
        (record,) = [line for line in lines if id in line]
        assert "PetalLength" in record


def test_a_killed_server_has_lost_no_prediction(production: Command, start: Start) -> None:
    served = Endpoint(production, start("serve", "iris@prod", "--port", "0", "--json"))
    bearer = f"Bearer {served.token()['token']}"
    ids = [served.ask(bearer)[1]["id"] for _ in range(2)]

    served.running.end(signal.SIGKILL)

    for id in ids:
        steps = production("why", id, "--json").document["items"]
        assert steps[0]["ref"] == id
        assert "iris@1" in steps[0]["what"]
    again = Endpoint(production, start("serve", "iris@prod", "--port", "0", "--json"))
    assert again.ask(bearer)[0] == 200


def _refusal(endpoint: Endpoint, token: str) -> tuple[int, str] | None:
    status, answer = endpoint.ask(f"Bearer {token}")
    return None if status == 200 else (status, answer["code"])
