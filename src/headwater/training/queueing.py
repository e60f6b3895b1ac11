"""Takes training requests: judges one against its data, then puts it on the queue.

A request that cannot be carried out is refused before anything is written. A
model's requests are versions of one pipeline, `models/<model>`, so the newest
one is what retrains by itself.
"""

from headwater.api.documents import JobInfo
from headwater.models import Registry
from headwater.pipelines import FilesInput, OutputSpec, Pipelines, PipelineSpec
from headwater.repos import Repos
from headwater.training.kind import DATA, KIND, check_against_data
from headwater.training.request import TrainingRequest


class TrainingQueue:
    """Where training requests go."""

    def __init__(self, repos: Repos, pipelines: Pipelines, registry: Registry) -> None:
        """Keeps the parts."""
        self._repos, self._pipelines, self._registry = repos, pipelines, registry

    def submit(self, request: TrainingRequest) -> JobInfo:
        """Accepts a request and returns its job.

        Raises:
            InvalidData, InvalidRequest, TargetUnusable, TooFewRows: The data cannot be used as asked.
            NotFound: There is no such repo, commit or file, or no environment to promote to.
        """
        for environment in request.promote:
            self._registry.environment(environment)
        source = request.source
        repo = self._repos.get(source.repo)
        view = repo.at(source.at)
        check_against_data(request, view)
        follows = any(branch.name == source.at for branch in repo.branches())
        spec = PipelineSpec(
            name=f"models/{request.model}",
            kind=KIND,
            input=FilesInput(
                name=DATA,
                repo=source.repo,
                branch=source.at if follows else "",
                glob=f"/{source.path}",
                commit=None if follows else view.commit.id,
            ),
            output=OutputSpec(repo=f"models/{request.model}"),
            parameters=request.document(),
            follow=follows and request.retrain is not None,
        )
        return self._pipelines.submit(spec, priority=request.priority)
