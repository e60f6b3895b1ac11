"""A deployed version keeps the data that it was trained on."""

from pathlib import Path

import pytest

from headwater.api.documents import Provenance
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.ids import CommitId
from headwater.models import DeployedPins, Registry
from headwater.repos import CommitPinned, Repo, Repos
from headwater.repos.rows import commit_store
from headwater.storage import Storage, open_store
from tests.models.registry.maker import Maker


@pytest.fixture
def repos(catalog: Catalog, tmp_path: Path) -> Repos:
    storage = Storage(catalog, open_store(f"file:{tmp_path}/objects"), clock=SystemClock())
    return Repos(catalog, storage, clock=SystemClock(), pins=lambda: (DeployedPins(),))


@pytest.fixture
def data(repos: Repos) -> Repo:
    repo = repos.create("parcels")
    for number in range(3):
        with repo.commit() as commit:
            commit.put("/rows.csv", f"{number}\n")
    return repo


def trained_on(catalog: Catalog, repos: Repos, maker: Maker, data: CommitId) -> int:
    """Makes a version whose provenance names its data."""
    number = maker.make()
    commit = repos.get("models/parcel").resolve(str(number))
    with catalog.write() as conn:
        commit_store.add_provenance(conn, commit, [Provenance("commit", "parcels", data, "data")])
    return number


def test_the_data_of_a_deployed_version_stays_until_it_is_replaced(
    catalog: Catalog, repos: Repos, registry: Registry, maker: Maker, data: Repo
) -> None:
    old, middle = data.resolve("main^2").id, data.resolve("main^").id
    first = trained_on(catalog, repos, maker, old)
    second = trained_on(catalog, repos, maker, middle)
    registry.promote(f"parcel@{first}", "dev")

    with pytest.raises(CommitPinned, match=f"because parcel@{first} was made of it and is in dev"):
        data.purge(old)
    data.retain(last=1)
    assert repos.apply_retention() == 1  # the data of the version that is nowhere
    assert data.resolve(middle).state == "purged"
    registry.promote(f"parcel@{second}", "dev")

    assert repos.apply_retention() == 1
    assert data.resolve(old).state == "purged"


def test_it_goes_all_the_same_where_somebody_says_so(
    catalog: Catalog, repos: Repos, registry: Registry, maker: Maker, data: Repo
) -> None:
    old = data.resolve("main^").id
    registry.promote(f"parcel@{trained_on(catalog, repos, maker, old)}", "dev")

    purged = data.purge(old, force=True, reason="a customer asked for it")

    assert purged.state == "purged"
