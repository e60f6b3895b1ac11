from pathlib import Path

import pytest

from headwater.access import Keys, Signer
from headwater.db import Catalog
from headwater.errors import NotFound
from headwater.ids import CommitId
from headwater.models import ArtifactCorrupt, Layout, Registry, sign_manifest
from headwater.repos import Repos
from headwater.serving import Endpoint, RegistrySource
from headwater.storage import Storage, open_store
from tests.clocks import HandClock
from tests.serving.flowers import files


class Models:
    """A registry whose model `iris` gets versions from a test."""

    def __init__(self, catalog: Catalog, folder: Path, clock: HandClock) -> None:
        self.catalog = catalog
        self.repos = Repos(
            catalog, Storage(catalog, open_store(f"file:{folder}/objects"), clock=clock), clock=clock
        )
        self.signer = Signer(Keys(folder / "keys"))
        self.registry = Registry(catalog, self.repos, self.signer, clock=clock)

    def add(self) -> CommitId:
        """Registers one more version."""
        with self.catalog.write() as conn:
            number = self.registry.next_number(conn, "iris")
            repo = self.repos.ensure(conn, "models/iris", kind="model")
        made = dict(files(number))
        made[Layout.SIGNATURE] = sign_manifest(made[Layout.MANIFEST], self.signer)
        with repo.commit() as commit:
            for path, data in made.items():
                commit.put(path, data)
        with self.catalog.write() as conn:
            self.registry.register(conn, "iris", number, CommitId(commit.id))
        return CommitId(commit.id)

    def promote(self, ref: str, *environments: str) -> None:
        for environment in environments:
            self.registry.promote(ref, environment)


@pytest.fixture
def models(catalog: Catalog, tmp_path: Path, clock: HandClock) -> Models:
    return Models(catalog, tmp_path, clock)


@pytest.fixture
def source(models: Models) -> RegistrySource:
    return RegistrySource(models.registry, models.repos, "iris", "staging")


def test_there_is_nothing_to_serve_before_the_first_promotion(models: Models, source: RegistrySource) -> None:
    assert source.head() is None

    models.add()
    assert source.head() is None

    models.promote("iris@1", "dev")
    assert source.head() is None
    with pytest.raises(NotFound):
        source.load("any")


def test_what_was_promoted_is_served_under_the_versions_own_commit(
    models: Models, source: RegistrySource
) -> None:
    commit = models.add()
    models.promote("iris@1", "dev", "staging")

    head = source.head()

    assert head is not None
    assert head != commit
    served = source.load(head)
    assert (served.predictor.model, served.predictor.version, served.commit) == ("iris", 1, commit)


def test_an_endpoint_follows_its_environment(
    models: Models, source: RegistrySource, clock: HandClock
) -> None:
    endpoint = Endpoint("iris", source, model="iris", environment="staging", clock=clock)
    versions = []
    for number in (1, 2):
        models.add()
        models.promote(f"iris@{number}", "dev", "staging")
        endpoint.refresh()
        versions.append(endpoint.info("").version)
    models.registry.rollback("iris", "staging")
    endpoint.refresh()
    versions.append(endpoint.info("").version)

    assert versions == [1, 2, 1]


def test_an_endpoint_serves_nothing_that_this_workspace_did_not_sign(
    models: Models, source: RegistrySource, clock: HandClock, tmp_path: Path
) -> None:
    models.add()
    models.promote("iris@1", "dev", "staging")
    others = Registry(models.catalog, models.repos, Signer(Keys(tmp_path / "other-keys")), clock=clock)
    stranger = RegistrySource(others, models.repos, "iris", "staging")
    endpoint = Endpoint("iris", stranger, model="iris", environment="staging", clock=clock)

    endpoint.refresh()

    assert endpoint.state == "not-ready"
    assert endpoint.problem is not None
    with pytest.raises(ArtifactCorrupt):
        stranger.load(source.head() or "")
