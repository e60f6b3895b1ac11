"""Workers of an older version leave to newer ones what they do not know how to run."""

import threading
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from headwater.execution import Beat
from headwater.pipelines import coordinator
from headwater.pipelines.coordinator import Coordinator
from headwater.pipelines.dag import TASK_KIND
from headwater.pipelines.kind import Kind
from headwater.pipelines.tables import pipeline_versions
from tests.pipelines.conftest import Engine
from tests.waiting import until


@pytest.fixture(autouse=True)
def _brief_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinator, "_LEFT_S", 0.02)


def leave(engine: Engine, kinds: Mapping[str, Kind]) -> None:
    """Has a worker that knows these kinds take the task."""
    claim = until(lambda: engine.queue.claim("older", [TASK_KIND]))
    Coordinator(engine.parts, kinds).handle(claim, Beat(threading.Event()))


def succeeds(engine: Engine) -> bool:
    engine.work()
    return engine.last().state == "succeeded"


def change_spec(engine: Engine, **fields: Any) -> bytes:
    """Gives the stored spec further fields, and returns what it was."""
    with engine.catalog.write() as conn:
        known: bytes = conn.execute(sa.select(pipeline_versions.c.spec)).scalar_one()
        spec = msgspec.json.encode({**msgspec.json.decode(known), **fields})
        conn.execute(sa.update(pipeline_versions).values(spec=spec))
    return known


def test_a_kind_that_a_worker_does_not_know_is_left_to_one_that_does(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.put(a="one")
    engine.submit()

    for _ in range(2):
        leave(engine, {})
    left = engine.last().state
    until(lambda: succeeds(engine))

    assert left == "starting"
    said = capsys.readouterr().err
    assert "left to a newer worker" in said
    assert "does not know the kind 'count'" in said
    assert "has to be newer than" in said


def test_a_spec_with_a_field_of_later_is_left_too(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.put(a="one")
    engine.submit()
    known = change_spec(engine, weather="fine")

    leave(engine, {"count": engine.kind})
    left = engine.last().state
    with engine.catalog.write() as conn:
        conn.execute(sa.update(pipeline_versions).values(spec=known))
    until(lambda: succeeds(engine))

    assert left == "queued"
    assert "unknown field `weather`" in capsys.readouterr().err
