import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from headwater.errors import Unavailable
from headwater.features import Field, Schema
from headwater.serving import Endpoint, Served
from headwater.serving.endpoint import example_row
from tests.clocks import HandClock
from tests.serving.flowers import Shelf


def version(endpoint: Endpoint) -> int | None:
    return None if endpoint.served is None else endpoint.served.predictor.version


def test_it_serves_what_its_source_points_to(endpoint: Endpoint, shelf: Shelf) -> None:
    assert (version(endpoint), endpoint.state) == (1, "ready")

    shelf.at = "v2"
    swapped = endpoint.refresh()

    assert (swapped, version(endpoint), endpoint.state) == (True, 2, "ready")


def test_nothing_is_loaded_again_while_nothing_changes(endpoint: Endpoint, shelf: Shelf) -> None:
    assert [endpoint.refresh() for _ in range(3)] == [False] * 3
    assert shelf.loads == ["v1"]


def test_before_the_first_version_it_is_not_ready(clock: HandClock) -> None:
    shelf = Shelf(None)
    endpoint = Endpoint("iris", shelf, model="iris", environment="prod", clock=clock)

    endpoint.refresh()
    assert endpoint.state == "not-ready"

    shelf.at = "v1"
    endpoint.refresh()
    assert (version(endpoint), endpoint.state) == (1, "ready")


def test_a_version_that_cannot_be_loaded_leaves_the_one_before_serving(
    endpoint: Endpoint, shelf: Shelf
) -> None:
    shelf.at = "broken"

    with capture_logs() as logged:
        swapped = endpoint.refresh()

    assert (swapped, version(endpoint), endpoint.state) == (False, 1, "degraded")
    assert endpoint.problem is not None
    assert [(line["event"], line["head"]) for line in logged] == [("version not loaded", "broken")]


def test_it_is_tried_again_less_and_less_often(endpoint: Endpoint, shelf: Shelf, clock: HandClock) -> None:
    shelf.at = "broken"
    moments = []
    for second in range(70):
        before = len(shelf.loads)
        endpoint.refresh()
        if len(shelf.loads) > before:
            moments.append(second)
        clock.sleep(1)

    assert moments == [0, 1, 3, 7, 15, 31, 63]


def test_a_better_version_is_taken_at_once_after_a_bad_one(endpoint: Endpoint, shelf: Shelf) -> None:
    shelf.at = "broken"
    endpoint.refresh()

    shelf.at = "v3"
    endpoint.refresh()

    assert (version(endpoint), endpoint.state, endpoint.problem) == (3, "ready", None)


def test_going_back_to_the_version_that_serves_mends_it(endpoint: Endpoint, shelf: Shelf) -> None:
    shelf.at = "broken"
    endpoint.refresh()

    shelf.at = "v1"
    endpoint.refresh()

    assert (version(endpoint), endpoint.state) == (1, "ready")
    assert shelf.loads == ["v1", "broken"]


class Away(Shelf):
    """A source that cannot be reached while `is_away`."""

    is_away = False

    def head(self) -> str | None:
        if self.is_away:
            raise Unavailable("The catalog is away.", hint="Wait.")
        return super().head()


def test_a_source_that_is_away_is_waited_for(clock: HandClock) -> None:
    source = Away("v1")
    endpoint = Endpoint("iris", source, model="iris", environment="prod", clock=clock)
    endpoint.refresh()

    source.is_away = True
    with capture_logs() as logged:
        endpoint.refresh()
        endpoint.refresh()
    assert (version(endpoint), endpoint.state, len(logged)) == (1, "degraded", 1)

    source.is_away = False
    endpoint.refresh()
    assert (version(endpoint), endpoint.state) == (1, "ready")


def test_a_version_that_cannot_predict_is_not_swapped_in(
    endpoint: Endpoint, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = shelf.load

    def without_targets(head: str) -> Served:
        served = load(head)
        monkeypatch.setattr(served.predictor, "predict_rows", lambda _: 1 / 0)
        return served

    monkeypatch.setattr(shelf, "load", without_targets)
    shelf.at = "v2"
    endpoint.refresh()

    assert (version(endpoint), endpoint.state) == (1, "degraded")


def test_watching_brings_a_new_version_without_being_asked(shelf: Shelf, clock: HandClock) -> None:
    swapped = threading.Event()

    class Signalling(Endpoint):
        def refresh(self) -> bool:
            done = super().refresh()
            if version(self) == 2:
                swapped.set()
            return done

    endpoint = Signalling("iris", shelf, model="iris", environment="prod", clock=clock, poll_s=0.001)
    endpoint.refresh()
    endpoint.start()

    shelf.at = "v2"
    arrived = swapped.wait(20)
    endpoint.stop()

    assert arrived


def test_its_document_says_what_it_serves(endpoint: Endpoint) -> None:
    document = endpoint.info("http://127.0.0.1:8080/predict/iris")

    assert (document.name, document.model, document.environment, document.version, document.state) == (
        "iris",
        "iris",
        "prod",
        1,
        "ready",
    )


_ends = st.none() | st.integers(-5, 5).map(float)
_fields = st.one_of(
    st.builds(
        Field, name=st.just("a"), type=st.sampled_from(["number", "integer"]), min=_ends, observed_min=_ends
    ),
    st.builds(Field, name=st.just("a"), type=st.just("number"), max=_ends),
    st.builds(
        Field, name=st.just("a"), type=st.just("category"), categories=st.sampled_from([(), ("x", "y")])
    ),
    st.just(Field("a", "boolean")),
    st.just(Field("a", "number", required=False)),
    st.just(Field("a", "category", required=False, default="x", categories=("x",))),
)


@given(_fields)
def test_the_row_that_a_version_is_tried_with_is_one_that_it_accepts(field: Field) -> None:
    schema = Schema((field,))

    assert schema.check_row(example_row(schema)) == []
