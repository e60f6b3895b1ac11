"""Wires the floors together for one workspace; each part is made when it is first used.

A command that lists a folder so never loads training, and one that trains
never loads the server.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from headwater.clock import Clock
from headwater.db import Catalog
from headwater.execution import Queue, Roster, Task
from headwater.pipelines import TASK_KIND, PipelineBonds, PipelineRoots, Trigger
from headwater.repos import PinSource, Repos
from headwater.settings import (
    Config,
    FolderPlace,
    Place,
    cache_folder,
    objects_url,
    read_environment,
)
from headwater.storage import CachePlace, RootSource, Storage, open_store

if TYPE_CHECKING:
    from headwater.access import KeySource, Signer, Tokens
    from headwater.execution import Executor
    from headwater.models import Registry
    from headwater.monitoring import PredictionLog
    from headwater.pipelines import Attend, Jobs, Pipelines
    from headwater.pipelines.dag import Triggers
    from headwater.pipelines.engine import DatumReader
    from headwater.pipelines.engine import Parts as EngineParts
    from headwater.pipelines.kind import Kind
    from headwater.training import TrainingQueue, TrainKind


class Parts:
    """The parts of one open workspace."""

    def __init__(self, place: Place, folder: Path, config: Config, catalog: Catalog, clock: Clock) -> None:
        """Takes what is open already.

        Args:
            place: Where the workspace is.
            folder: Its folder; that of this user and machine where it has none.
            config: Its settings.
            catalog: Its catalog.
            clock: What times go by.
        """
        self.place, self.folder, self.config, self.catalog, self.clock = place, folder, config, catalog, clock

    @property
    def url(self) -> str:
        """What opens the workspace in another process; it may hold a password."""
        return self.place.url

    @property
    def log_file(self) -> Path:
        """Where workers that were started by themselves write."""
        return self.folder / "logs" / "worker.log"

    @cached_property
    def objects_url(self) -> str:
        """Where segments beyond the catalog lie."""
        return objects_url(self.folder, self.config.objects)

    @cached_property
    def storage(self) -> Storage:
        """Trees and segments."""
        cache = CachePlace(cache_folder() / "objects", self.config.cache.objects_bytes)
        return Storage(self.catalog, open_store(self.objects_url, cache=cache), clock=self.clock)

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
    def triggers(self) -> "Triggers":
        """Branches that follow others."""
        from headwater.pipelines.dag import Triggers

        return Triggers(self.catalog, self.repos, self.trigger, self.queue, self.clock)

    @cached_property
    def repos(self) -> Repos:
        """Repos and their commits."""
        return Repos(
            self.catalog,
            self.storage,
            clock=self.clock,
            hooks=(self.trigger,),
            users=(PipelineBonds(),),
            pins=self._pins,
            owners=(PipelineBonds(),),
        )

    @property
    def root_sources(self) -> Sequence[RootSource]:
        """What a sweep must keep, of all floors."""
        from headwater.gateway import UploadRoots

        return (self.repos.roots, PipelineRoots(), UploadRoots())

    @cached_property
    def pipelines(self) -> "Pipelines":
        """Pipelines."""
        from headwater.pipelines import Pipelines

        return Pipelines(self.catalog, self.repos, self.trigger, self.clock, self.storage)

    @cached_property
    def jobs(self) -> "Jobs":
        """Jobs of all pipelines."""
        return self.jobs_for()

    def jobs_for(self, attend: "Callable[[], Attend] | None" = None) -> "Jobs":
        """Returns the jobs of all pipelines for somebody who waits; `attend` sees to it that somebody works."""
        from headwater.pipelines import Jobs

        jobs = Jobs(
            self.catalog,
            self.repos,
            self.clock,
            trigger=self.trigger,
            queue=self.queue,
            reader=lambda: self.datums,
            attend=attend,
        )
        jobs.printed = self._printed
        return jobs

    @property
    def long_running(self) -> Path:
        """Where spouts and services have their files on this machine."""
        return self.folder / "long-running"

    def _printed(self, pipeline: str) -> "Sequence[str] | None":
        from headwater.pipelines.longrun import log_of

        return log_of(self.catalog, self.long_running, pipeline)

    @cached_property
    def datums(self) -> "DatumReader":
        """What looks at the datums of jobs."""
        from headwater.pipelines.engine import DatumReader

        return DatumReader(self, self.kinds)

    @cached_property
    def requests(self) -> "Jobs":
        """Jobs that train."""
        from headwater.pipelines import Jobs

        return Jobs(self.catalog, self.repos, self.clock, trigger=self.trigger, kind="train")

    @cached_property
    def kinds(self) -> "Mapping[str, Kind]":
        """The kinds of pipelines that have jobs, by name."""
        from headwater.pipelines.engine import TransformKind

        transform = TransformKind(self.storage)
        return {transform.name: transform, self.train_kind.name: self.train_kind}

    def engine(self, executor: "Callable[[], Executor]", *, processes: int = 0) -> "EngineParts":
        """Returns what jobs run with, on an executor that is asked for when the first datum has to run.

        Args:
            executor: Where datums run.
            processes: How many of them at once; 0 for as many as the executor has places for.
        """
        from headwater.pipelines.egress import Egress
        from headwater.pipelines.engine import Parts as EngineParts

        return EngineParts(
            self.catalog,
            self.storage,
            self.repos,
            self.queue,
            executor,
            self.clock,
            self.trigger,
            Egress(self.catalog, self.repos, self.storage, self.clock),
            lambda: processes or executor().places(),
        )

    @cached_property
    def keys(self) -> "KeySource":
        """The workspace's secrets."""
        from headwater.access import CatalogKeys, Keys

        named = read_environment().secret_key_file
        secret = Path(named) if named else None
        if isinstance(self.place, FolderPlace):
            return Keys(self.folder / "keys", token_secret_file=secret)
        return CatalogKeys(self.catalog, token_secret_file=secret)

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
        if "storage" in self.__dict__:
            self.storage.close()
        self.catalog.close()

    def _pins(self) -> Sequence[PinSource]:
        from headwater.models import DeployedPins

        return (PipelineBonds(), DeployedPins())

    def _abandon(self, conn: Connection, task: Task, error: str) -> None:
        self.pipelines.abandon(conn, task, error)
