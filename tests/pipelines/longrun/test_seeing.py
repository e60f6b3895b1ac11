"""What is said of a spout or service: how its process is while a worker holds its task, else that it waits for one."""

import msgspec

from headwater.api.documents import PipelineInfo
from headwater.pipelines import pipeline_store
from headwater.pipelines.longrun import KINDS, store
from headwater.pipelines.pipeline_documents import documents
from tests.pipelines.longrun.conftest import Place
from tests.waiting import until


def seen(place: Place) -> PipelineInfo:
    with place.catalog.read() as conn:
        return documents(conn, place.queue, pipeline_store.shown(conn, "s"))[0]


def test_a_process_is_what_it_says_only_while_a_worker_holds_it(place: Place) -> None:
    place.spout({}, command=("sleep", "1000"))
    new = seen(place)
    with place.working():
        running = until(lambda: found if (found := seen(place)).standing == "running" else None)
    given_back = seen(place)
    silent = place.queue.claim("worker", KINDS)
    assert silent is not None
    held = seen(place)
    place.queue.renew(
        msgspec.structs.replace(silent, ttl_s=0.0)
    )  # as if it had not for long, and were killed
    lost = seen(place)
    place.set_state("paused")
    paused = seen(place)

    assert new.process is not None
    assert str(new.process).startswith("queued for a worker since 20")
    assert running.process is not None
    assert str(running.process).startswith(f"running on {running.process.host} since 20")
    assert given_back.standing == "queued"
    assert given_back.process is not None
    assert given_back.process.error is None
    assert (held.standing, lost.standing) == ("running", "queued")
    assert lost.process is not None
    assert lost.process.error == f"The worker on {running.process.host} that ran it is gone."
    assert "Pipeline s: queued" in lost._repr_html_()
    assert "queued for a worker since" in lost._repr_html_()
    assert paused.standing == "paused"
    assert paused.process is not None
    assert paused.process.state == "stopped"


def test_a_service_that_nobody_runs_answers_nowhere(place: Place) -> None:
    place.service({}, command=("sleep", "1000"))
    with place.catalog.write() as conn:
        pipeline_id = int(pipeline_store.shown(conn, "s")[0].pipeline.id)
        values = {"host": "there", "port": 8080, "version": 1, "commits": '["c"]', "at_ms": 1}
        store.save(conn, pipeline_id, state="running", **values)

    told = seen(place).process

    assert told is not None
    assert (told.state, told.url, told.commits) == ("queued", None, [])
