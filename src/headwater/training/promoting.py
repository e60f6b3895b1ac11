"""Carries a new version through environments by itself, as far as the gates let it.

A task of its own on the queue: it is enqueued by the transaction that makes
the version, so it happens even if whoever asked for the training is gone, and
a worker that dies in it leaves it to the next.
"""

import msgspec

from headwater.db import Catalog, LeaseLost
from headwater.errors import Refused
from headwater.execution import Beat, Claim, Queue, Stopping
from headwater.models import Registry
from headwater.telemetry import logger

PROMOTE = "promote"


class PromoteTask(msgspec.Struct, frozen=True):
    """Which version is to go where, in this order."""

    model: str
    version: int
    environments: tuple[str, ...]


def promote_key(model: str, version: int) -> str:
    """Returns the queue's key of the task that promotes a version."""
    return f"promote:{model}:{version}"


class Promoter:
    """The handler of such tasks."""

    def __init__(self, catalog: Catalog, queue: Queue, registry: Registry) -> None:
        """Keeps the parts."""
        self._catalog, self._queue, self._registry = catalog, queue, registry

    def handle(self, claim: Claim, beat: Beat) -> None:
        """Promotes until an environment refuses; its evidence is kept, so nothing is lost by stopping there.

        Raises:
            LeaseLost: The lease is gone; whoever has the task goes on.
            Stopping: The worker was asked to stop; another one goes on.
        """
        task = msgspec.msgpack.decode(claim.task.payload, type=PromoteTask)
        for environment in task.environments:
            if beat.lost:
                raise LeaseLost(f"task {claim.task_id} ({claim.task.kind})", holder=claim.worker)
            if beat.stopping:
                raise Stopping
            try:
                self._registry.promote(f"{task.model}@{task.version}", environment, by="training")
            except Refused as refusal:
                logger("headwater.training").info(
                    "promotion refused", model=task.model, version=task.version, reason=refusal.message
                )
                break
        with self._catalog.write() as conn:
            self._queue.finish(conn, claim)
