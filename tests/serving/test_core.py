from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from headwater.access import Tokens
from headwater.features import RowProblem, RowsRefused
from headwater.serving import App, Endpoint, Limits
from headwater.serving.answers import STATUS
from tests.clocks import HandClock
from tests.serving.conftest import Caller, Remembered
from tests.serving.flowers import KIND, KINDS, ROW, WIDTH, Shelf, predictor

PATH = "/predict/iris"
KEYS = ["success", "message", "code", "errors", "prediction", "model", "version", "id"]


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in ROW.items() if name not in names}


def test_one_row_gets_one_prediction_for_every_target(ask: Caller) -> None:
    reply = ask(PATH, ROW)

    assert reply.found == (200, "OK")
    assert list(reply.document) == KEYS
    assert (reply.success, reply.message, reply.errors) == (True, "ok", [])
    assert (reply.model, reply.version, len(reply.id)) == ("iris", 1, 26)
    assert reply.prediction == predictor().predict_rows([ROW])[0]
    assert list(reply.prediction) == [WIDTH, KIND]
    assert list(reply.prediction[WIDTH]) == ["value", "lower", "upper", "confidence"]
    assert list(reply.prediction[KIND]) == ["label", "probabilities", "set", "confidence"]


def test_a_list_gets_a_list(ask: Caller) -> None:
    rows = [ROW, ROW | {"PetalLength": 6.0, "Species": "virginica"}]

    assert ask(PATH, rows).prediction == predictor().predict_rows(rows)
    assert isinstance(ask(PATH, [ROW]).prediction, list)


def test_an_empty_list_gets_an_empty_list(ask: Caller) -> None:
    reply = ask(PATH, [])

    assert (reply.found, reply.prediction) == ((200, "OK"), [])


def test_csv_gets_a_list(ask: Caller) -> None:
    body = b"SepalLength,PetalLength,PetalWidth,Species\n5.1,1.4,0.2,setosa\n6,4,,virginica\n"

    reply = ask(PATH, body, content_type="text/csv")

    assert reply.found == (200, "OK")
    assert reply.prediction == predictor().predict_rows(
        [ROW, {"SepalLength": 6, "PetalLength": 4, "Species": "virginica"}]
    )


def test_a_field_with_a_default_may_be_left_out(ask: Caller) -> None:
    reply = ask(PATH, without("PetalWidth"))

    assert reply.found == (200, "OK")
    assert reply.prediction == ask(PATH, ROW | {"PetalWidth": 1.2}).prediction


def test_a_chosen_target_needs_only_its_own_features(ask: Caller) -> None:
    reply = ask(PATH, without("Species", "PetalWidth"), query="target=Species")

    assert reply.found == (200, "OK")
    assert list(reply.prediction) == [KIND]


def test_what_a_chosen_target_does_not_need_is_checked_where_it_is_given(ask: Caller) -> None:
    reply = ask(PATH, ROW | {"Species": "daisy"}, query="target=Species")

    assert reply.found == (422, "FIELD_CATEGORY")


def test_every_bad_field_is_listed_in_schema_order(ask: Caller) -> None:
    reply = ask(PATH, {"Colour": "blue", "Species": 5, "SepalLength": 31})

    assert [(problem["row"], problem["field"], problem["code"]) for problem in reply.errors] == [
        (0, "SepalLength", "FIELD_RANGE"),
        (0, "PetalLength", "FIELD_MISSING"),
        (0, "Species", "FIELD_TYPE"),
        (0, "Colour", "FIELD_UNKNOWN"),
    ]
    assert reply.found == (422, "FIELD_RANGE")
    assert (reply.success, reply.prediction) == (False, None)
    assert (reply.model, reply.version) == ("iris", 1)


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        (without("SepalLength"), "SepalLength", "FIELD_MISSING"),
        (ROW | {"SepalLength": None}, "SepalLength", "FIELD_MISSING"),
        (ROW | {"SepalLength": "5.1"}, "SepalLength", "FIELD_TYPE"),
        (ROW | {"SepalLength": True}, "SepalLength", "FIELD_TYPE"),
        (ROW | {"SepalLength": [5.1]}, "SepalLength", "FIELD_TYPE"),
        (ROW | {"SepalLength": {"cm": 5.1}}, "SepalLength", "FIELD_TYPE"),
        (ROW | {"SepalLength": 30.5}, "SepalLength", "FIELD_RANGE"),
        (ROW | {"SepalLength": -1e-9}, "SepalLength", "FIELD_RANGE"),
        (ROW | {"Species": "daisy"}, "Species", "FIELD_CATEGORY"),
        (ROW | {"Species": ""}, "Species", "FIELD_CATEGORY"),
        (ROW | {"sepallength": 5.1}, "sepallength", "FIELD_UNKNOWN"),
        ({}, "SepalLength", "FIELD_MISSING"),
    ],
)
def test_a_bad_field_has_its_code(ask: Caller, row: dict[str, Any], field: str, code: str) -> None:
    reply = ask(PATH, row)

    assert reply.found == (422, code)
    assert (reply.errors[0]["field"], reply.errors[0]["code"]) == (field, code)
    assert field in reply.message


@pytest.mark.parametrize(
    ("number", "code"),
    [("1e999", "FIELD_TYPE"), ("-1e999", "FIELD_TYPE"), ("9" * 400, "FIELD_TYPE"), ("9" * 5000, "MALFORMED")],
)
def test_a_number_that_no_float_holds_is_refused(ask: Caller, number: str, code: str) -> None:
    body = b'{"SepalLength": %s, "PetalLength": 1, "Species": "setosa"}' % number.encode()

    assert ask(PATH, body).code == code


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"5",
        b"[1]",
        b'{"SepalLength": NaN}',
        b'{"SepalLength": 1, "SepalLength": 2}',
        b'{"a": "\xff"}',
        b"[" * 50_000,
    ],
)
def test_what_cannot_be_read_is_malformed(ask: Caller, body: bytes) -> None:
    reply = ask(PATH, body)

    assert reply.found == (400, "MALFORMED")
    assert reply.errors == []


def test_a_right_row_that_gives_a_field_twice_is_malformed(ask: Caller) -> None:
    body = b'{"SepalLength":5.1,"PetalLength":1.4,"PetalWidth":0.2,"Species":"setosa","PetalWidth":0.3}'

    reply = ask(PATH, body)

    assert reply.found == (400, "MALFORMED")
    assert "PetalWidth" in reply.message


def test_one_bad_row_fails_a_list_and_is_named(ask: Caller) -> None:
    reply = ask(PATH, [ROW, without("Species"), ROW | {"PetalLength": 99}])

    assert reply.found == (422, "FIELD_MISSING")
    assert [problem["row"] for problem in reply.errors] == [1, 2]
    assert reply.message.startswith("Row 1: ")


def test_partial_answers_the_good_rows_in_their_places(ask: Caller, sink: Remembered) -> None:
    reply = ask(PATH, [ROW, without("Species"), ROW], query="partial=true")

    assert reply.found == (200, "OK")
    assert reply.success
    assert reply.prediction == [*predictor().predict_rows([ROW]), None, *predictor().predict_rows([ROW])]
    assert [(problem["row"], problem["code"]) for problem in reply.errors] == [(1, "FIELD_MISSING")]
    assert reply.message == "2 of 3 rows were predicted"
    assert sink.records[0].input == [ROW, without("Species"), ROW]


def test_partial_of_bad_rows_alone_fails(ask: Caller) -> None:
    assert ask(PATH, [{}, {}], query="partial=true").found == (422, "FIELD_MISSING")


@pytest.mark.parametrize("query", ["target=Petal", "target=Species,Petal"])
def test_an_unknown_target_is_named(ask: Caller, query: str) -> None:
    reply = ask(PATH, ROW, query=query)

    assert reply.found == (422, "FIELD_UNKNOWN")
    assert reply.errors[0]["field"] == "Petal"


@pytest.mark.parametrize("kind", ["application/vnd.apache.arrow.stream", "text/plain"])
def test_another_media_type_is_not_supported(ask: Caller, kind: str) -> None:
    assert ask(PATH, ROW, content_type=kind).found == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "path", ["/", "/predict", "/predict/", "/predict/housing", "/predict/iris/", "/predict/../iris", "/x"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_not_there_is_no_such_endpoint(ask: Caller, path: str, method: str) -> None:
    reply = ask(path, ROW, method=method)

    if method == "GET" and path in {"/predict/", "/predict/housing"}:
        assert reply.found == (405, "METHOD_NOT_ALLOWED")
    else:
        assert reply.found == (404, "NO_SUCH_ENDPOINT")
    assert list(reply.document) == KEYS


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [(PATH, "GET", "POST"), (PATH, "PUT", "POST"), ("/healthz", "POST", "GET, HEAD")],
)
def test_the_wrong_method_is_told_the_right_one(ask: Caller, path: str, method: str, allowed: str) -> None:
    reply = ask(path, ROW, method=method)

    assert reply.found == (405, "METHOD_NOT_ALLOWED")
    assert reply.headers["allow"] == allowed


def test_an_endpoint_without_a_version_is_not_ready(sink: Remembered, clock: HandClock) -> None:
    endpoint = Endpoint("iris", Shelf(None), model="iris", environment="prod", clock=clock)
    ask = Caller(App([endpoint], sink=sink, clock=clock))
    endpoint.refresh()

    assert ask(PATH, ROW).found == (503, "NOT_READY")
    assert ask("/readyz", method="GET").found == (503, "NOT_READY")
    assert ask("/healthz", method="GET").found == (200, "OK")


def test_an_endpoint_with_a_version_is_ready(ask: Caller) -> None:
    assert ask("/readyz", method="GET").found == (200, "OK")


def test_tokens_decide_who_may_ask(
    endpoint: Endpoint, sink: Remembered, clock: HandClock, tokens: Tokens
) -> None:
    ask = Caller(App([endpoint], sink=sink, tokens=tokens, clock=clock))
    good, other, anything = (
        f"Bearer {tokens.create('t', [scope], 60).token}"
        for scope in ("predict:iris", "predict:housing", "predict:*")
    )

    assert ask(PATH, ROW).found == (401, "TOKEN_MISSING")
    assert ask(PATH, ROW, authorization="Bearer x").found == (401, "TOKEN_INVALID")
    assert ask(PATH, ROW, authorization=other).found == (403, "FORBIDDEN")
    assert ask(PATH, ROW, authorization=good).found == (200, "OK")
    assert ask("/predict/housing", ROW, authorization=good).found == (403, "FORBIDDEN")
    assert ask("/predict/roses", ROW, authorization=anything).found == (404, "NO_SUCH_ENDPOINT")
    assert ask("/healthz", method="GET").found == (200, "OK")
    clock.sleep(120)
    assert ask(PATH, ROW, authorization=good).found == (401, "TOKEN_EXPIRED")


def test_more_rows_than_allowed_are_too_large(endpoint: Endpoint, sink: Remembered, clock: HandClock) -> None:
    ask = Caller(App([endpoint], sink=sink, clock=clock, limits=Limits(rows=3)))

    assert ask(PATH, [ROW] * 3).found == (200, "OK")
    assert ask(PATH, [ROW] * 4).found == (413, "TOO_LARGE")
    assert ask(PATH, [{}] * 4).found == (413, "TOO_LARGE")
    assert ask(PATH, b"SepalLength\n" + b"1\n" * 4, content_type="text/csv").found == (413, "TOO_LARGE")


def test_more_requests_than_allowed_at_once_are_turned_away(
    endpoint: Endpoint, sink: Remembered, clock: HandClock
) -> None:
    ask = Caller(App([endpoint], sink=sink, clock=clock, limits=Limits(in_flight=2)))

    replies = ask.together([ask.request(PATH, ROW)] * 3)

    assert sorted(reply.found for reply in replies) == [(200, "OK"), (200, "OK"), (503, "OVERLOADED")]
    assert ask(PATH, ROW).found == (200, "OK")


def test_a_small_body_cannot_ask_for_a_huge_answer(
    endpoint: Endpoint, sink: Remembered, clock: HandClock
) -> None:
    ask = Caller(App([endpoint], sink=sink, clock=clock, limits=Limits(problems=5)))

    reply = ask(PATH, [{}] * 1000)

    assert len(reply.errors) == 5
    assert "first 5 are listed" in reply.message


def test_a_long_table_gets_the_same_answer_as_its_rows_alone(
    endpoint: Endpoint, sink: Remembered, clock: HandClock
) -> None:
    rows = [ROW | {"PetalLength": number / 10, "Species": KINDS[number % 3]} for number in range(50)]
    short = Limits(inline_rows=4, inline_bytes=100, inline_wrong_bytes=10)
    ask = Caller(App([endpoint], sink=sink, clock=clock, limits=short))

    alone = [predictor().predict_rows([row])[0] for row in rows]

    assert ask(PATH, rows).prediction == alone
    assert [reply.prediction for reply in ask.together([ask.request(PATH, row) for row in rows])] == alone
    assert ask(PATH, [*rows, {}]).found == (422, "FIELD_MISSING")


def test_an_answer_is_in_the_log_when_it_leaves(ask: Caller, sink: Remembered) -> None:
    reply = ask(PATH, without("PetalWidth"))

    [record] = sink.records
    assert (record.id, record.endpoint, record.model, record.version) == (reply.id, "iris", "iris", 1)
    assert (record.commit, record.time) == ("commit-of-v1", "2027-01-15T08:00:00.000Z")
    assert record.input == without("PetalWidth")
    assert record.answer == msgspec.Raw(msgspec.json.encode(reply.prediction))


def test_refused_requests_are_not_in_the_log(ask: Caller, sink: Remembered) -> None:
    ask(PATH, {})

    assert sink.records == []


def test_ids_reach_the_log_in_ascending_order(ask: Caller, sink: Remembered) -> None:
    requests = [ask.request(PATH, [ROW] * (300 if number % 3 == 0 else 1)) for number in range(30)]

    ask.together(requests)

    ids = [record.id for record in sink.records]
    assert ids == sorted(set(ids))
    assert len(ids) == 30


def test_what_cannot_be_logged_is_not_answered(ask: Caller, sink: Remembered) -> None:
    sink.is_full = True

    reply = ask(PATH, ROW)

    assert reply.found == (500, "INTERNAL")
    assert reply.prediction is None


def test_what_breaks_inside_has_an_id_that_the_log_holds_and_no_trace(
    ask: Caller, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert endpoint.served is not None
    monkeypatch.setattr(endpoint.served.predictor, "predict_rows", _broken)

    with capture_logs() as logged:
        reply = ask(PATH, ROW)

    assert reply.found == (500, "INTERNAL")
    assert reply.id in reply.message
    assert "out of cheese" not in str(reply.document)
    assert "Traceback" not in str(reply.document)
    assert [(line["id"], line["exc_info"]) for line in logged] == [(reply.id, True)]


def test_what_a_model_has_against_a_row_is_told_under_the_rows_place(
    ask: Caller, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert endpoint.served is not None
    monkeypatch.setattr(endpoint.served.predictor, "predict_rows", _refusing)

    reply = ask(PATH, [without("Species"), ROW], query="partial=1")

    assert reply.found == (422, "FIELD_CATEGORY")
    assert reply.errors == [{"row": 1, "field": KIND, "code": "FIELD_CATEGORY", "message": "Never seen."}]


def _refusing(*_: object) -> None:
    raise RowsRefused([RowProblem(0, KIND, "FIELD_CATEGORY", "Never seen.")])


def _broken(*_: object) -> None:
    raise RuntimeError("out of cheese")


def test_the_table_of_codes_is_that_of_the_contract() -> None:
    assert {status: [code for code in STATUS if STATUS[code] == status] for status in STATUS.values()} == {
        400: ["MALFORMED"],
        401: ["TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED"],
        403: ["FORBIDDEN"],
        404: ["NO_SUCH_ENDPOINT"],
        405: ["METHOD_NOT_ALLOWED"],
        413: ["TOO_LARGE"],
        415: ["UNSUPPORTED_MEDIA_TYPE"],
        422: [
            "FIELD_MISSING",
            "FIELD_TYPE",
            "FIELD_RANGE",
            "FIELD_UNKNOWN",
            "FIELD_CATEGORY",
            "LOCATION_INVALID",
        ],
        429: ["RATE_LIMITED"],
        500: ["INTERNAL"],
        503: ["OVERLOADED", "NOT_READY"],
        200: ["OK"],
    }
