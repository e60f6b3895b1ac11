"""Finds what an endpoint serves: the version that one environment of a model points to."""

from headwater.errors import NotFound
from headwater.models import Registry
from headwater.repos import Repos
from headwater.serving.endpoint import Served


class RegistrySource:
    """The versions of one model in one environment; a promotion is a new head of its branch."""

    def __init__(self, registry: Registry, repos: Repos, model: str, environment: str) -> None:
        """Looks at nothing yet; neither the model nor the environment need exist."""
        self._registry = registry
        self._repos = repos
        self._model = model
        self._ref = f"{model}@{environment}"

    def head(self) -> str | None:
        """Returns the commit at the environment's branch, or none before the first promotion."""
        try:
            return self._repos.resolve(f"models/{self._ref}").id
        except NotFound:
            return None

    def load(self, head: str) -> Served:  # noqa: ARG002 - what stands there now is at least as new
        """Returns the version that is in the environment now, its signature and digests checked.

        Raises:
            ArtifactCorrupt: A file is not what was signed.
            NotFound: There is no version any more.
        """
        commit = self._registry.view(self._ref).commit.id
        return Served(self._registry.predictor(f"{self._model}@{commit}"), commit)
