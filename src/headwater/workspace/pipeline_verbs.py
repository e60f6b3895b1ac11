"""What a workspace does with pipelines and jobs."""

from typing import TYPE_CHECKING

from headwater.workspace.parts import Parts
from headwater.workspace.pipelines import WorkspacePipelines

if TYPE_CHECKING:
    from headwater.pipelines import Attend, Jobs


class PipelineVerbs:
    """Pipelines and jobs; each verb is one call into the floor that does it."""

    _parts: Parts

    @property
    def pipelines(self) -> WorkspacePipelines:
        """The pipelines."""
        return WorkspacePipelines(self._parts)

    @property
    def jobs(self) -> "Jobs":
        """The jobs of all pipelines; waiting for one starts a worker when none is at work."""
        return self._parts.jobs_for(attend=self._attend)

    @property
    def requests(self) -> "Jobs":
        """The training requests."""
        return self._parts.requests

    def _attend(self) -> "Attend":
        from headwater.workspace.running import WorkerWatch

        return WorkerWatch(self._parts).look
