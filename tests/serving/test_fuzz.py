import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.serving.answers import STATUS
from tests.serving.conftest import Caller, Reply
from tests.serving.flowers import ROW

KEYS = ["success", "message", "code", "errors", "prediction", "model", "version", "id"]

texts = st.text(max_size=12)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | texts
    | st.sampled_from(["setosa", "NaN", "5.1"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(list(ROW)) | texts
rows = st.dictionaries(names, values, max_size=6) | st.just(ROW)
documents = rows | st.lists(rows, max_size=5) | values


def cut(text: bytes, at: int) -> bytes:
    return text[:at] + text[at + 1 :]


json_bodies = documents.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
csv_bodies = st.lists(st.lists(texts, max_size=5), max_size=5).map(
    lambda lines: "\n".join(",".join(cells) for cells in lines).encode("utf-8", "replace")
)
bodies = st.one_of(
    json_bodies,
    st.builds(cut, json_bodies, st.integers(0, 40)),
    csv_bodies.map(lambda body: b"SepalLength,PetalLength,PetalWidth,Species\n" + body),
    csv_bodies,
    st.binary(max_size=60),
)
kinds = (
    st.sampled_from([None, "application/json", "text/csv", "text/csv; charset=latin-1", "text/plain"]) | texts
)
queries = (
    st.none()
    | st.sampled_from(["target=Species", "partial=1", "target=a,b&partial=no", "%ff=%fe", "&&=;"])
    | texts
)

# The app keeps nothing of one example for the next.
shared = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=max(300, settings().max_examples),
)


@shared
@given(body=bodies, kind=kinds, query=queries)
def test_whatever_is_sent_gets_the_shape_and_never_a_500(
    ask: Caller, body: bytes, kind: str | None, query: str | None
) -> None:
    headers = {} if kind is None else {"content_type": kind}

    reply = ask("/predict/iris", body, query=query or "", **headers)

    _has_the_shape(reply)
    assert reply.code != "INTERNAL"


@shared
@given(
    path=texts.map("/".__add__) | st.sampled_from(["/predict/iris", "/healthz", "/readyz"]),
    method=st.sampled_from(["GET", "POST", "DELETE", ""]) | texts,
)
def test_whatever_is_asked_for_gets_the_shape_and_never_a_500(ask: Caller, path: str, method: str) -> None:
    reply = ask(path, ROW, method=method)

    _has_the_shape(reply)
    assert reply.code != "INTERNAL"


@shared
@given(header=texts | texts.map("Bearer ".__add__) | st.just("Bearer a.b.c"))
def test_whatever_stands_in_the_header_is_no_token(guarded: Caller, header: str) -> None:
    reply = guarded("/predict/iris", ROW, authorization=header)

    _has_the_shape(reply)
    assert reply.code in {"TOKEN_MISSING", "TOKEN_INVALID"}


@pytest.mark.parametrize("deep", [100, 500, 990, 1_000, 5_000, 200_000])
@pytest.mark.parametrize("shape", ["list", "object", "field"])
def test_depth_is_never_a_500(ask: Caller, deep: int, shape: str) -> None:
    body = {
        "list": b"[" * deep + b"]" * deep,
        "object": b'{"a":' * deep + b"1" + b"}" * deep,
        "field": b'{"SepalLength":' + b"[" * deep + b"]" * deep + b"}",
    }[shape]

    reply = ask("/predict/iris", body)

    _has_the_shape(reply)
    assert reply.status in {400, 422}


def _has_the_shape(reply: Reply) -> None:
    assert list(reply.document) == KEYS
    assert STATUS[reply.code] == reply.status
    assert reply.success == (reply.status == 200)
    assert reply.message
    assert len(reply.id) == 26
    problems = msgspec.convert(reply.errors, list[dict[str, Any]])
    assert all(list(problem) == ["row", "field", "code", "message"] for problem in problems)
    assert all(problem["message"] for problem in problems)
    if reply.status == 422:
        assert problems[0]["code"] == reply.code
    if not reply.success:
        assert reply.prediction is None
