"""Versions: their numbers, how they are named, and what is told about them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.access import Signer
from headwater.api.documents import Provenance
from headwater.db import Catalog
from headwater.errors import InvalidInput
from headwater.ids import CommitId
from headwater.models import ArtifactCorrupt, Layout, Registry, artifact_digest, store
from headwater.models.errors import (
    InvalidModelRef,
    ModelNotFound,
    NothingDeployed,
    VersionExists,
    VersionNotFound,
)
from headwater.models.names import ModelRef
from headwater.models.versions import find
from headwater.repos import Repos
from tests.models.registry.maker import Maker


class Undone(Exception):
    """Raised inside a transaction that shall not happen."""


def test_a_version_tells_what_it_is_without_loading_a_model(maker: Maker, registry: Registry) -> None:
    maker.make(instead={"targets/00-weight/model.ubj": b"no model"})

    info = registry.version("parcel@1")

    assert (info.model, info.version, info.ref) == ("parcel", 1, "parcel@1")
    assert (info.data, info.request) == (f"parcels@{'c' * 32}:/parcels.csv", "r" * 32)
    assert [(target.target, target.task) for target in info.targets] == [
        ("weight", "regression"),
        ("kind", "classification"),
    ]
    assert info.targets[0].confidence == {"level": 0.9, "coverage": 0.9}
    assert (info.targets[0].rows.train, info.targets[0].rows.test) == (80, 40)
    assert (info.environments, info.report) == ([], "models/parcel@1:/report.html")
    assert info.digest == artifact_digest(registry.read("parcel@1", Layout.MANIFEST))


def test_a_version_is_a_tag_of_its_models_repo(maker: Maker, registry: Registry, repos: Repos) -> None:
    maker.make()
    maker.make(seed=2)

    tags = {tag.name: tag.commit for tag in repos.get("models/parcel").tags()}

    assert tags == {name: registry.view(f"parcel@{name}").commit.id for name in ("1", "2")}


def test_a_version_is_found_under_every_name_it_has(maker: Maker, registry: Registry) -> None:
    maker.make()
    maker.make(seed=2)
    registry.promote("parcel@1", "dev")
    commit = registry.view("parcel@1").commit.id
    promotion = registry.promotions().items[0].commit
    assert promotion is not None

    for what in ("1", "dev", commit, commit[:8], promotion, promotion[:10]):
        assert registry.version(f"parcel@{what}").version == 1
    assert registry.version("parcel@latest").version == 2
    assert registry.version("models/parcel@latest").version == 2


def test_the_beginning_of_a_commit_id_may_be_all_digits_and_a_number_comes_first(
    catalog: Catalog, registry: Registry
) -> None:
    ids = {1: "13916148" + "a" * 24, 2: "55555555" + "a" * 24, 3: "55555555" + "b" * 24, 13916149: "9" * 32}
    ids |= {4: "13916149" + "c" * 24}
    with catalog.write() as conn:
        for number, commit in ids.items():
            store.add_version(conn, store.VersionRow("parcel", number, commit, "ready", 0))

    with catalog.read() as conn:
        found = {
            what: find(conn, ModelRef("parcel", what)).number
            for what in ("13916148", "13916149", "13916149c", "9" * 32, "9" * 8)
        }
        with pytest.raises(InvalidModelRef, match="several commits"):
            find(conn, ModelRef("parcel", "55555555"))

    assert found == {
        "13916148": 1,
        "13916149": 13916149,
        "13916149c": 4,
        "9" * 32: 13916149,
        "9" * 8: 13916149,
    }


def test_a_predictor_gives_predictions_of_its_version(maker: Maker, registry: Registry) -> None:
    maker.make()
    rows = [{"length": 2.0, "width": 7.0, "colour": "red"}]

    predictor = registry.predictor("parcel@latest")

    answer = predictor.predict_rows(rows)[0]
    assert (predictor.model, predictor.version) == ("parcel", 1)
    assert answer["weight"]["value"] == pytest.approx(18, abs=4)
    assert answer["kind"]["label"] == "wide"


@pytest.mark.parametrize("text", ["", "parcel", "parcel@", "@1", "Parcel@1", "par cel@1", "repo/parcel@1"])
def test_what_does_not_name_a_version_is_answered_with_the_form(registry: Registry, text: str) -> None:
    with pytest.raises(InvalidModelRef) as caught:
        registry.version(text)

    assert "@latest" in caught.value.hint


def test_an_unknown_model_is_answered_with_the_nearest_name(maker: Maker, registry: Registry) -> None:
    with pytest.raises(ModelNotFound, match="headwater train"):
        registry.version("parcel@1")
    maker.make()

    for ask in (lambda: registry.version("parcle@1"), lambda: registry.versions("parcle")):
        with pytest.raises(ModelNotFound, match="Did you mean 'parcel'"):
            ask()
    with pytest.raises(ModelNotFound, match="Models here: parcel"):
        registry.model("housing")


@pytest.mark.parametrize("what", ["3", "0", "9" * 18, "qa", "main", "0123456789abcdef", "1^", "9" * 30])
def test_an_unknown_version_is_answered_with_those_there_are(
    maker: Maker, registry: Registry, what: str
) -> None:
    maker.make()
    maker.make(seed=2)

    with pytest.raises(VersionNotFound) as caught:
        registry.version(f"parcel@{what}")

    assert "parcel has versions 1, 2" in caught.value.hint
    assert "parcel@prod" in caught.value.hint


def test_an_environment_without_a_version_says_how_one_gets_there(maker: Maker, registry: Registry) -> None:
    maker.make()

    with pytest.raises(NothingDeployed) as caught:
        registry.version("parcel@prod")

    assert caught.value.hint == "Bring one there: headwater promote parcel@1 prod"


def test_lists_come_page_by_page(maker: Maker, registry: Registry) -> None:
    for number in range(5):
        maker.make("parcel", seed=number)
    for name in ("a", "zebra"):
        maker.make(name)
    registry.promote("parcel@3", "dev")

    first = registry.versions("parcel", limit=2)
    second = registry.versions("parcel", limit=2, after=first.next)
    third = registry.versions("parcel", limit=2, after=second.next)
    names = registry.models(limit=2)
    rest = registry.models(limit=2, after=names.next)

    assert [[info.version for info in page.items] for page in (first, second, third)] == [[5, 4], [3, 2], [1]]
    assert (third.next, rest.next) == (None, None)
    assert second.items[0].environments == ["dev"]
    assert [model.model for model in (*names.items, *rest.items)] == ["a", "parcel", "zebra"]
    assert registry.model("parcel") == names.items[1]
    assert (names.items[1].latest, names.items[1].versions, names.items[1].environments) == (5, 5, {"dev": 3})
    with pytest.raises(InvalidInput, match="cursor"):
        registry.versions("parcel", after="nonsense")


@pytest.mark.parametrize(
    "path", [Layout.SCHEMA, "targets/00-weight/model.ubj", "targets/01-kind/target.json"]
)
def test_a_file_that_changed_since_it_was_signed_is_not_used(
    maker: Maker, registry: Registry, path: str
) -> None:
    maker.make()
    data = registry.read("parcel@1", path)
    maker.make(seed=1, instead={path: data[:-1] + b" "}, sealed=False)

    with pytest.raises(ArtifactCorrupt) as caught:
        registry.predictor("parcel@2")

    assert caught.value.path == path


def test_a_version_signed_by_another_workspace_is_not_used(
    maker: Maker, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from headwater.access import Keys

    maker.signer = Signer(Keys(tmp_path_factory.mktemp("elsewhere")))
    maker.make()

    with pytest.raises(ArtifactCorrupt, match="signed"):
        registry.predictor("parcel@1")


def test_an_artifact_of_another_version_is_not_used_though_its_signature_is_good(
    maker: Maker, registry: Registry
) -> None:
    maker.make()
    view = registry.view("parcel@1")
    files = {entry.path.lstrip("/"): view.read(entry.path) for entry in view.walk()}
    maker.make(seed=2)
    maker.register("parcel", 3, maker.put("parcel", files))

    with pytest.raises(ArtifactCorrupt, match=r"parcel@1, not of parcel@3"):
        registry.predictor("parcel@3")


def test_a_number_or_commit_is_registered_once(maker: Maker, registry: Registry, catalog: Catalog) -> None:
    maker.make()
    commit = registry.view("parcel@1").commit.id

    for number in (1, 2):
        with pytest.raises(VersionExists, match="parcel@1"), catalog.write() as conn:
            registry.register(conn, "parcel", number, commit)

    assert [info.version for info in registry.versions("parcel").items] == [1]


def test_a_registration_that_is_undone_leaves_nothing(
    maker: Maker, registry: Registry, catalog: Catalog, repos: Repos
) -> None:
    maker.make()
    commit = maker.put("parcel", {"x": b"1"})

    def register_and_fail() -> None:
        with catalog.write() as conn:
            registry.register(conn, "parcel", 2, commit)
            raise Undone

    with pytest.raises(Undone):
        register_and_fail()

    assert registry.version("parcel@latest").version == 1
    assert [tag.name for tag in repos.get("models/parcel").tags()] == ["1"]


def test_the_number_of_a_commit_is_known(maker: Maker, registry: Registry) -> None:
    maker.make()

    assert registry.number_of(registry.view("parcel@1").commit.id) == 1
    assert registry.number_of(CommitId("0" * 32)) is None


def test_provenance_is_that_of_the_commit(maker: Maker, registry: Registry, repos: Repos) -> None:
    maker.make()
    went_in = Provenance("commit", "parcels", "c" * 32, "data")
    with repos.get("models/parcel", system=True).commit(provenance=[went_in]) as commit:
        commit.put("/note.txt", "more")
    assert commit.id is not None
    maker.register("parcel", 2, commit.id)

    assert registry.version("parcel@2").provenance == [went_in]


steps = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.booleans(), st.integers(1, 3)), max_size=12)


@settings(max_examples=40)
@given(steps=steps)
def test_a_number_is_never_given_out_twice_whatever_is_undone(
    lasting: tuple[Catalog, Registry, dict[str, list[int]]], steps: list[tuple[str, bool, int]]
) -> None:
    catalog, registry, given_out = lasting

    for model, is_undone, count in steps:
        taken: list[int] = []
        try:
            with catalog.write() as conn:
                taken += [registry.next_number(conn, model) for _ in range(count)]
                if is_undone:
                    raise Undone
        except Undone:
            continue
        given_out[model] += taken

    for numbers in given_out.values():
        assert numbers == sorted(set(numbers))


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Any:
    catalog = Catalog.create(f"sqlite:///{tmp_path_factory.mktemp('numbers')}/catalog.db")
    unused: Any = None
    return catalog, Registry(catalog, unused, unused), {"a": [], "b": []}
