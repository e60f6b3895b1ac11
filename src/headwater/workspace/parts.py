"""Wires the floors together for one workspace in a folder; each part is made when it is first used.

A command that lists a folder so never loads training, and one that trains
never loads the server.
"""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from headwater.clock import Clock
from headwater.db import Catalog
from headwater.execution import Queue, Roster, Task
from headwater.pipelines import TASK_KIND, Jobs, Pipelines, Trigger
from headwater.repos import Repos
from headwater.settings import Config, read_environment
from headwater.storage import Storage, open_store

if TYPE_CHECKING:
    from headwater.access import Keys, Signer, Tokens
    from headwater.models import Registry
    from headwater.monitoring import PredictionLog
    from headwater.training import TrainingQueue, TrainKind


class Parts:
    """The parts of one open workspace."""

    def __init__(self, folder: Path, config: Config, catalog: Catalog, clock: Clock) -> None:
        """Takes what is open already."""
        self.folder, self.config, self.catalog, self.clock = folder, config, catalog, clock

    @cached_property
    def objects_url(self) -> str:
        """Where segments beyond the catalog lie."""
        return f"file:{(self.folder / self.config.objects).resolve()}"

    @cached_property
    def storage(self) -> Storage:
        """Trees and segments."""
        return Storage(self.catalog, open_store(self.objects_url), clock=self.clock)

    @cached_property
    def queue(self) -> Queue:
        """What waits for workers."""
        return Queue(self.catalog, on_failure={TASK_KIND: self._abandon})

    @cached_property
    def roster(self) -> Roster:
        """The workers there are."""
        return Roster(self.catalog)

    @cached_property
    def trigger(self) -> Trigger:
        """Turns commits into jobs."""
        return Trigger(self.queue, self.clock)

    @cached_property
    def repos(self) -> Repos:
        """Repos and their commits."""
        return Repos(self.catalog, self.storage, clock=self.clock, hooks=(self.trigger,))

    @cached_property
    def pipelines(self) -> Pipelines:
        """Pipelines."""
        return Pipelines(self.catalog, self.repos, self.trigger, self.clock)

    @cached_property
    def jobs(self) -> Jobs:
        """Jobs of all pipelines."""
        return Jobs(self.catalog, self.repos, self.clock)

    @cached_property
    def requests(self) -> Jobs:
        """Jobs that train."""
        return Jobs(self.catalog, self.repos, self.clock, kind="train")

    @cached_property
    def keys(self) -> "Keys":
        """The workspace's secrets."""
        from headwater.access import Keys

        secret = read_environment().secret_key_file
        return Keys(self.folder / "keys", token_secret_file=Path(secret) if secret else None)

    @cached_property
    def signer(self) -> "Signer":
        """Signs artifacts."""
        from headwater.access import Signer

        return Signer(self.keys)

    @cached_property
    def tokens(self) -> "Tokens":
        """Tokens that open endpoints."""
        from headwater.access import Tokens

        return Tokens(self.catalog, self.keys, workspace=self.config.workspace, clock=self.clock)

    @cached_property
    def registry(self) -> "Registry":
        """Models, versions and environments."""
        from headwater.models import Registry

        return Registry(self.catalog, self.repos, self.signer, clock=self.clock)

    @cached_property
    def train_kind(self) -> "TrainKind":
        """What training brings to the engine."""
        from headwater.training import TrainKind

        return TrainKind(self.storage, self.registry, self.signer, self.queue)

    @cached_property
    def training(self) -> "TrainingQueue":
        """Takes training requests."""
        from headwater.training import TrainingQueue

        return TrainingQueue(self.repos, self.pipelines, self.registry)

    @cached_property
    def predictions(self) -> "PredictionLog":
        """What endpoints were asked and answered."""
        from headwater.monitoring import PredictionLog

        every = self.config.monitoring.commit_every_s
        return PredictionLog(self.folder / "spool", self.repos, clock=self.clock, commit_every_s=every)

    def close(self) -> None:
        """Closes what was opened, last first."""
        if "predictions" in self.__dict__:  # made, because it was used
            self.predictions.close()
        self.catalog.close()

    def _abandon(self, conn: Connection, task: Task, error: str) -> None:
        self.pipelines.abandon(conn, task, error)
