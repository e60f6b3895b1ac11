"""A promotion that its worker has to leave goes on elsewhere."""

import threading
from pathlib import Path

import msgspec
import pytest

from headwater.access import Keys, Signer
from headwater.clock import SystemClock
from headwater.db import Catalog, LeaseLost
from headwater.execution import Beat, Queue, Stopping, Task
from headwater.models import Registry
from headwater.repos import Repos
from headwater.storage import Storage, open_store
from headwater.training import PROMOTE, Promoter, promote_key
from headwater.training.promoting import PromoteTask


@pytest.mark.parametrize("why", ["lost", "stopping"])
def test_a_worker_that_cannot_go_on_leaves_the_promotion_to_the_next(tmp_path: Path, why: str) -> None:
    catalog = Catalog.create(f"sqlite:///{tmp_path / 'catalog.db'}")
    repos = Repos(catalog, Storage(catalog, open_store("memory:")), clock=SystemClock())
    queue = Queue(catalog)
    promoter = Promoter(catalog, queue, Registry(catalog, repos, Signer(Keys(tmp_path / "keys"))))
    payload = msgspec.msgpack.encode(PromoteTask("iris", 1, ("dev",)))
    with catalog.write() as conn:
        queue.enqueue(conn, Task(PROMOTE, payload), key=promote_key("iris", 1))
    claim = queue.claim("w", (PROMOTE,))
    assert claim is not None
    stop = threading.Event()
    beat = Beat(stop)
    if why == "lost":
        beat.lose()
    else:
        stop.set()

    with pytest.raises((LeaseLost, Stopping)):
        promoter.handle(claim, beat)

    assert queue.is_unfinished(promote_key("iris", 1))
    catalog.close()
