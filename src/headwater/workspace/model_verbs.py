"""What a workspace does with training, models and endpoints."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headwater.api.documents import (
    EndpointInfo,
    EnvironmentInfo,
    JobInfo,
    Listing,
    ModelInfo,
    PromotionInfo,
    VersionInfo,
)
from headwater.telemetry import Progress, Silent, log_from
from headwater.workspace.parts import Parts

if TYPE_CHECKING:
    from headwater.access import Tokens
    from headwater.workspace.model import Model
    from headwater.workspace.serving import Serving
    from headwater.workspace.training import Training

_SILENT = Silent()


class ModelVerbs:
    """Training, models and endpoints; each verb is one call into the floor that does it."""

    _parts: Parts

    def train(self, request: Path | str | Mapping[str, Any] | None = None, **fields: Any) -> "Training":
        """Sends a training request: a file, a text, or fields as keywords.

        Raises:
            InvalidRequest: The request has mistakes; all are named.
            InvalidData: The data cannot be used as asked.
        """
        from headwater.training import read_request, read_request_file
        from headwater.workspace.training import Training

        read = (
            read_request_file(request)
            if isinstance(request, Path)
            else read_request(fields if request is None else request)
        )
        return Training(self._parts, self._parts.training.submit(read), read.model)

    def follow(self, job: JobInfo, progress: Progress = _SILENT) -> JobInfo:
        """Waits for a job and what it set in motion; starts a worker when none is at work."""
        from headwater.workspace.training import follow

        return follow(self._parts, job, progress)

    def work(
        self,
        *,
        idle_exit_s: float | None = None,
        processes: int = 0,
        executor: str = "local",
        address: str | None = None,
    ) -> None:
        """Takes tasks from the queue, in this process, until told to stop."""
        from headwater.workspace.running import work

        work(self._parts, idle_exit_s=idle_exit_s, processes=processes, executor=executor, address=address)

    def stop_workers(self) -> None:
        """Ends the workers of this machine; what they were at goes to the next ones."""
        from headwater.workspace.running import stop_workers

        stop_workers(self._parts)

    def models(self) -> Listing[ModelInfo]:
        """Returns the models."""
        return self._parts.registry.models()

    def model(self, ref: str) -> "Model":
        """Returns a version of a model: `iris@7`, `iris@prod`, or `iris` for the newest."""
        from headwater.workspace.model import Model

        return Model(self._parts, ref if "@" in ref else f"{ref}@latest")

    def versions(self, model: str, *, limit: int = 50, cursor: str | None = None) -> Listing[VersionInfo]:
        """Returns a page of a model's versions, newest first."""
        return self._parts.registry.versions(model, limit=limit, after=cursor)

    def environments(self) -> list[EnvironmentInfo]:
        """Returns the environments, in the order in which versions pass through them."""
        return [one.info() for one in self._parts.registry.environments()]

    def create_environment(self, name: str, *, before: str | None = None) -> EnvironmentInfo:
        """Makes an environment, in front of another one or behind all."""
        return self._parts.registry.create_environment(name, before=before).info()

    def promote(self, ref: str, environment: str, *, by: str = "") -> PromotionInfo:
        """Brings a version into an environment, through its gates.

        Raises:
            GateFailed: A gate did not pass; `details` has every one that failed.
        """
        return self._parts.registry.promote(ref, environment, by=by)

    def rollback(self, model: str, environment: str, *, by: str = "") -> PromotionInfo:
        """Brings an environment back to the version before."""
        return self._parts.registry.rollback(model, environment, by=by)

    def promotions(self, model: str) -> Listing[PromotionInfo]:
        """Returns the attempts to promote versions of a model, newest first, refused ones too."""
        return self._parts.registry.promotions(model=model)

    @property
    def tokens(self) -> "Tokens":
        """The tokens that open endpoints."""
        return self._parts.tokens

    def serve(
        self,
        models: Sequence[str],
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        ready: Callable[[Listing[EndpointInfo]], None],
    ) -> None:
        """Serves models of environments until told to stop; `ready` hears where."""
        from headwater.workspace.serving import Serving

        log_from("info")
        Serving(self._parts, models, host=host, port=port).run(ready)

    def serve_in_background(
        self, models: Sequence[str], *, host: str = "127.0.0.1", port: int = 0
    ) -> "Serving":
        """Returns a server that answers while its `with` block runs."""
        from headwater.workspace.serving import Serving

        return Serving(self._parts, models, host=host, port=port)
