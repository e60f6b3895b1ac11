"""Promotions: through gates, in order, all or nothing; and back."""

import threading
from itertools import cycle
from typing import Any

import pytest

from headwater.api.documents import PromotionInfo, Provenance
from headwater.db import Catalog
from headwater.errors import Error
from headwater.models import ArtifactCorrupt, ArtifactFormat, Layout, NumberTable, Registry
from headwater.models.errors import (
    GateFailed,
    InvalidGates,
    NothingDeployed,
    NothingToRollBack,
    OutOfOrder,
    PromotionRaced,
)
from headwater.models.gates import GateSpec
from headwater.repos import Repos
from tests.models.registry.maker import GOOD, POOR, TEST, Maker, Watched, table_of

WEIGHT: dict[str, Any] = {"target": "weight", "metric": "rmse"}


def through(registry: Registry, ref: str, *environments: str) -> PromotionInfo:
    done = [registry.promote(ref, environment, by="ann") for environment in environments]
    return done[-1]


def deployed(registry: Registry) -> dict[str, int]:
    return registry.model("parcel").environments


# --- passing -------------------------------------------------------------------


def test_a_promotion_is_a_commit_with_the_versions_files_and_the_evidence(
    maker: Maker, registry: Registry, repos: Repos
) -> None:
    maker.make(gates=[WEIGHT | {"max": 4}])

    done = registry.promote("parcel@1", "dev", by="ann")

    repo = repos.get("models/parcel")
    head = repo.at("dev").commit
    version = registry.view("parcel@1").commit
    assert (done.moved, done.commit, done.version, done.by) == (True, head.id, 1, "ann")
    assert head.roots.output == version.roots.output
    assert head.id != version.id
    assert set(head.provenance) == {
        Provenance("commit", "models/parcel", version.id, "version"),
        Provenance("evidence", "models/parcel", done.id, "promotion"),
    }
    assert [(move.old, move.new, move.author) for move in repo.moves("dev")] == [(None, head.id, "ann")]
    assert (registry.version("parcel@dev").version, deployed(registry)) == (1, {"dev": 1})


def test_gates_are_computed_anew_from_the_test_rows(maker: Maker, registry: Registry) -> None:
    gates = [
        WEIGHT | {"max": 4},
        {"metric": "accuracy", "min": 0.8},
        {"no_worse_than": "dev", "tolerance": 0.02},
    ]
    maker.make(gates=gates)

    done = registry.promote("parcel@1", "dev")

    assert [(row.target, row.passed) for row in done.gates] == [
        ("weight", True),
        ("kind", True),
        ("weight", True),
        ("kind", True),
    ]
    assert done.gates[0].value is not None
    assert 0 < done.gates[0].value < 4
    assert done.gates[2].gate == "rmse no worse than dev, 2 % allowed: nothing is there yet"
    assert done.gates[3].gate.startswith("log_loss no worse than dev")


def test_promoting_what_is_there_already_is_answered_with_how_it_came(
    maker: Maker, registry: Registry, repos: Repos
) -> None:
    maker.make(gates=[WEIGHT | {"max": 4}])
    first = registry.promote("parcel@1", "dev")

    again = registry.promote("parcel@latest", "dev")

    assert (again.id, again.commit, again.gates, again.moved) == (first.id, first.commit, first.gates, False)
    assert len(repos.get("models/parcel").log("dev").items) == 1
    assert len(registry.promotions().items) == 1


def test_a_version_that_is_replaced_can_come_back(maker: Maker, registry: Registry, repos: Repos) -> None:
    for seed in (1, 2):
        maker.make(seed=seed)

    for number in (1, 2, 1):
        registry.promote(f"parcel@{number}", "dev")

    history = repos.get("models/parcel").log("dev").items
    assert [commit.metadata["version"] for commit in history] == ["1", "2", "1"]
    assert registry.version("parcel@dev").version == 1


def test_what_serves_where_is_told_by_versions(maker: Maker, registry: Registry) -> None:
    for seed in (1, 2):
        maker.make(seed=seed)
    through(registry, "parcel@1", "dev", "staging", "prod")
    through(registry, "parcel@2", "dev", "staging")

    places = {info.version: info.environments for info in registry.versions("parcel").items}

    assert places == {1: ["prod"], 2: ["dev", "staging"]}
    assert deployed(registry) == {"dev": 2, "staging": 2, "prod": 1}


def test_environments_of_one_model_do_not_touch_another(maker: Maker, registry: Registry) -> None:
    maker.make("parcel")
    maker.make("letter")

    registry.promote("letter@1", "dev")

    assert deployed(registry) == {}


# --- failing gates -------------------------------------------------------------


def test_a_failed_gate_changes_nothing_and_tells_every_gate_that_failed(
    maker: Maker, registry: Registry, repos: Repos
) -> None:
    maker.make()
    registry.promote("parcel@1", "dev")
    before = repos.get("models/parcel").branches()
    maker.make(
        trees=POOR, gates=[WEIGHT | {"max": 0.01}, WEIGHT | {"max": 100}, {"metric": "accuracy", "min": 1.01}]
    )

    with pytest.raises(GateFailed) as caught:
        registry.promote("parcel@2", "dev", by="ann")

    assert [(row["target"], row["limit"], row["passed"]) for row in caught.value.details] == [
        ("weight", 0.01, False),
        ("kind", 1.01, False),
    ]
    assert all(row["value"] is not None for row in caught.value.details)
    assert "2 of 3 gates failed" in caught.value.message
    assert "weight: rmse at most 0.01" in caught.value.message
    branches = {branch.name: branch.commit for branch in repos.get("models/parcel").branches()}
    assert branches["dev"] == {branch.name: branch.commit for branch in before}["dev"]
    assert deployed(registry) == {"dev": 1}


def test_a_refused_promotion_is_kept_with_its_evidence(maker: Maker, registry: Registry) -> None:
    maker.make(gates=[WEIGHT | {"max": 0.01}])

    with pytest.raises(GateFailed) as caught:
        registry.promote("parcel@1", "dev", by="ann")

    (kept,) = registry.promotions(model="parcel").items
    assert kept == caught.value.promotion
    assert (kept.moved, kept.commit, kept.by) == (False, None, "ann")
    assert [(row.passed, row.limit) for row in kept.gates] == [(False, 0.01)]


def test_the_first_refused_promotion_makes_no_branch(maker: Maker, registry: Registry, repos: Repos) -> None:
    maker.make(gates=[WEIGHT | {"max": 0.01}])

    with pytest.raises(GateFailed):
        registry.promote("parcel@1", "dev")

    assert [branch.name for branch in repos.get("models/parcel").branches()] == ["main"]


def test_a_worse_version_does_not_replace_a_better_one(maker: Maker, registry: Registry) -> None:
    maker.make(trees=GOOD)
    gate = {"no_worse_than": "dev", "target": "weight", "tolerance": 0.02}
    maker.make(trees=POOR, seed=2, gates=[gate])
    maker.make(trees=GOOD, seed=1, gates=[gate])
    registry.promote("parcel@1", "dev")

    with pytest.raises(GateFailed) as caught:
        registry.promote("parcel@2", "dev")
    done = registry.promote("parcel@3", "dev")

    (failed,) = caught.value.details
    assert failed["value"] > failed["limit"] > 0
    assert failed["gate"] == "rmse no worse than dev (version 1), 2 % allowed"
    assert done.gates[0].value == pytest.approx(done.gates[0].limit, rel=0.03)


def test_versions_are_compared_on_the_candidates_rows(maker: Maker, registry: Registry) -> None:
    maker.make(seed=1)
    maker.make(seed=2, gates=[{"no_worse_than": "dev", "target": "weight", "tolerance": 0.5}])
    registry.promote("parcel@1", "dev")

    (row,) = registry.promote("parcel@2", "dev").gates

    held_out = {name: values[:TEST] for name, values in table_of(2).items()}
    theirs = registry.predictor("parcel@1").predict_columns(held_out, ["weight"])["weight"]
    assert isinstance(theirs, NumberTable)
    errors = theirs.value - held_out["weight"]
    assert row.limit == pytest.approx(1.5 * (errors**2).mean() ** 0.5)


def test_a_comparison_with_a_version_that_needs_other_fields_fails_and_names_the_field(
    maker: Maker, registry: Registry
) -> None:
    maker.make(extra=["height"])
    registry.promote("parcel@1", "dev")
    maker.make(gates=[{"no_worse_than": "dev", "target": "weight"}])

    with pytest.raises(GateFailed) as caught:
        registry.promote("parcel@2", "dev")

    assert "its schema does not fit the test rows" in caught.value.details[0]["gate"]
    assert "height" in caught.value.details[0]["gate"]


def test_a_comparison_with_a_version_without_the_target_fails(maker: Maker, registry: Registry) -> None:
    maker.make(targets=["kind"])
    registry.promote("parcel@1", "dev")
    maker.make(gates=[{"no_worse_than": "dev"}])

    with pytest.raises(GateFailed) as caught:
        registry.promote("parcel@2", "dev")

    assert [row["target"] for row in caught.value.details] == ["weight"]
    assert "has no such target" in caught.value.details[0]["gate"]


def test_a_comparison_with_a_damaged_version_fails(
    maker: Maker, registry: Registry, catalog: Catalog, repos: Repos
) -> None:
    maker.make()
    registry.promote("parcel@1", "dev")
    maker.make(gates=[{"no_worse_than": "dev", "target": "weight"}])
    watched = Watched(maker.signer, distrusted=[registry.read("parcel@1", Layout.MANIFEST)])

    with pytest.raises(GateFailed) as caught:
        Registry(catalog, repos, watched).promote("parcel@2", "dev")

    assert "version 1 there cannot be used" in caught.value.details[0]["gate"]


def test_an_environments_own_gates_run_after_those_of_the_request(maker: Maker, registry: Registry) -> None:
    registry.create_environment("qa", before="dev", gates=[GateSpec(metric="r2", min=2)])
    maker.make(gates=[WEIGHT | {"max": 4}])

    with pytest.raises(GateFailed) as caught:
        registry.promote("parcel@1", "qa")

    assert [row.gate for row in caught.value.promotion.gates] == ["rmse at most 4", "r2 at least 2"]


def test_a_version_without_test_rows_fails_its_gates(
    maker: Maker, registry: Registry, catalog: Catalog
) -> None:
    maker.make()
    view = registry.view("parcel@1")
    files = {
        entry.path.lstrip("/"): view.read(entry.path)
        for entry in view.walk()
        if "test.parquet" not in entry.path
    }
    files["request.json"] = b'{"gates": [{"metric": "rmse", "max": 100}]}'
    files |= maker.seal(
        "parcel",
        2,
        ["weight", "kind"],
        {k: v for k, v in files.items() if "manifest" not in k and "signature" not in k},
    )
    maker.register("parcel", 2, maker.put("parcel", files))

    with pytest.raises(GateFailed, match="no rows to test it with"):
        registry.promote("parcel@2", "dev")


# --- artifacts that cannot be trusted ------------------------------------------


def test_a_damaged_version_is_not_promoted(maker: Maker, registry: Registry) -> None:
    maker.make(instead={"report.html": b"changed"}, sealed=False)

    with pytest.raises(ArtifactCorrupt, match=r"report\.html"):
        registry.promote("parcel@1", "dev")

    assert registry.promotions().items == []


def test_a_version_with_a_file_more_than_was_signed_is_not_promoted(maker: Maker, registry: Registry) -> None:
    maker.make(instead={"extra.bin": b"x"}, sealed=False)

    with pytest.raises(ArtifactCorrupt, match=r"extra\.bin"):
        registry.promote("parcel@1", "dev")


@pytest.mark.parametrize("broken", [b"PAR1 and no more", b"", b"\x00" * 100])
def test_test_rows_that_cannot_be_read_are_named(maker: Maker, registry: Registry, broken: bytes) -> None:
    maker.make(gates=[WEIGHT | {"max": 4}], instead={"targets/00-weight/test.parquet": broken})

    with pytest.raises(ArtifactCorrupt, match=r"targets/00-weight/test\.parquet"):
        registry.promote("parcel@1", "dev")


@pytest.mark.parametrize(
    ("request_document", "error"),
    [
        (b'{"gates": [{"metric": "rmse", "max": 4, "on": "holdout"}]}', ArtifactFormat),
        (b'{"gates": 5}', ArtifactFormat),
        (b"not JSON", ArtifactFormat),
        (b'{"gates": [{"metric": "rsme", "max": 4}]}', InvalidGates),
    ],
)
def test_gates_that_are_not_understood_let_nothing_pass(
    maker: Maker, registry: Registry, request_document: bytes, error: type[Error]
) -> None:
    number = maker.make(instead={})
    view = registry.view(f"parcel@{number}")
    files = {
        entry.path.lstrip("/"): view.read(entry.path)
        for entry in view.walk()
        if entry.path not in ("/manifest.json", "/signature.json")
    }
    files["request.json"] = request_document
    maker.register(
        "parcel", 2, maker.put("parcel", files | maker.seal("parcel", 2, ["weight", "kind"], files))
    )

    with pytest.raises(error):
        registry.promote("parcel@2", "dev")

    assert deployed(registry) == {}


# --- order ---------------------------------------------------------------------


def test_a_version_passes_the_environments_before_on_its_way(maker: Maker, registry: Registry) -> None:
    maker.make()

    entered = registry.promote("parcel@latest", "prod", by="ada")

    assert (entered.environment, entered.moved) == ("prod", True)
    assert deployed(registry) == {"dev": 1, "staging": 1, "prod": 1}
    assert [one.environment for one in registry.promotions().items] == ["prod", "staging", "dev"]
    assert {one.by for one in registry.promotions().items} == {"ada"}


def test_a_gate_on_the_way_stops_it_there(maker: Maker, registry: Registry) -> None:
    maker.make()
    registry.create_environment("careful", gates=[GateSpec(metric="rmse", max=1e-9)], before="prod")

    with pytest.raises(GateFailed) as caught:
        registry.promote("parcel@1", "prod")

    assert "careful" in caught.value.message
    assert deployed(registry) == {"dev": 1, "staging": 1}


def test_a_version_that_was_replaced_in_the_environment_before_may_go_on(
    maker: Maker, registry: Registry
) -> None:
    maker.make()
    maker.make(seed=2)
    through(registry, "parcel@1", "dev", "staging")
    through(registry, "parcel@2", "dev", "staging")

    assert registry.promote("parcel@1", "prod").moved


def test_a_refused_promotion_is_no_proof_of_having_been_there(maker: Maker, registry: Registry) -> None:
    maker.make(gates=[WEIGHT | {"max": 0.01}])
    with pytest.raises(GateFailed):
        registry.promote("parcel@1", "dev")

    with pytest.raises(GateFailed) as caught:
        registry.promote("parcel@1", "staging")
    assert "dev" in caught.value.message


def test_a_version_that_was_rolled_back_has_to_enter_again(maker: Maker, registry: Registry) -> None:
    maker.make()
    maker.make(seed=2)
    through(registry, "parcel@1", "dev", "staging")
    through(registry, "parcel@2", "dev", "staging")
    registry.rollback("parcel", "staging")

    with pytest.raises(OutOfOrder, match="was rolled back from staging"):
        registry.promote("parcel@2", "prod")
    assert registry.promote("parcel@1", "prod").moved
    assert through(registry, "parcel@2", "staging", "prod").moved


# --- rollback ------------------------------------------------------------------


def test_a_rollback_goes_back_step_by_step(maker: Maker, registry: Registry, repos: Repos) -> None:
    for seed in (1, 2, 3):
        registry.promote(f"parcel@{maker.make(seed=seed)}", "dev")

    first = registry.rollback("parcel", "dev", by="ann")
    second = registry.rollback("parcel", "dev")

    head = repos.get("models/parcel").at("dev").commit
    assert ([first.version, second.version], first.by) == ([2, 1], "ann")
    assert head.roots.output == registry.view("parcel@1").commit.roots.output
    assert Provenance("evidence", "models/parcel", second.id, "rollback") in head.provenance
    assert [commit.metadata["version"] for commit in repos.get("models/parcel").log("dev").items] == list(
        "12321"
    )
    with pytest.raises(NothingToRollBack, match="before version 1"):
        registry.rollback("parcel", "dev")


def test_a_promotion_after_a_rollback_is_taken_back_to_what_was_there(
    maker: Maker, registry: Registry
) -> None:
    for seed in (1, 2):
        registry.promote(f"parcel@{maker.make(seed=seed)}", "dev")
    registry.rollback("parcel", "dev")
    registry.promote(f"parcel@{maker.make(seed=3)}", "dev")

    assert registry.rollback("parcel", "dev").version == 1
    with pytest.raises(NothingToRollBack):
        registry.rollback("parcel", "dev")


def test_there_is_nothing_to_roll_back_where_nothing_is(maker: Maker, registry: Registry) -> None:
    maker.make()

    with pytest.raises(NothingDeployed):
        registry.rollback("parcel", "prod")


def test_a_rollback_to_a_damaged_version_is_refused(
    maker: Maker, registry: Registry, catalog: Catalog, repos: Repos
) -> None:
    for seed in (1, 2):
        registry.promote(f"parcel@{maker.make(seed=seed)}", "dev")
    watched = Watched(maker.signer, distrusted=[registry.read("parcel@1", Layout.MANIFEST)])

    with pytest.raises(ArtifactCorrupt):
        Registry(catalog, repos, watched).rollback("parcel", "dev")

    assert deployed(registry) == {"dev": 2}


# --- at once -------------------------------------------------------------------


def test_of_promotions_at_once_each_lands_or_says_why_and_history_is_one_line(
    maker: Maker, registry: Registry, repos: Repos
) -> None:
    numbers = [maker.make(seed=seed, gates=[WEIGHT | {"max": 50}]) for seed in range(4)]
    results: list[Any] = []

    def promote(number: int) -> None:
        try:
            results.append(registry.promote(f"parcel@{number}", "dev"))
        except PromotionRaced as error:
            results.append(error)

    threads = [threading.Thread(target=promote, args=[number]) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    landed = [result for result in results if isinstance(result, PromotionInfo)]
    history = repos.get("models/parcel").log("dev").items
    kept = registry.promotions(environment="dev").items
    assert len(results) == 4
    assert [commit.id for commit in history] == [info.commit for info in kept]
    assert {info.id for info in landed} == {info.id for info in kept}
    assert [commit.parent for commit in history] == [*(commit.id for commit in history[1:]), None]


def test_who_lost_the_race_decides_again_on_what_is_there_now(
    maker: Maker, registry: Registry, catalog: Catalog, repos: Repos
) -> None:
    for number in (1, 2):
        maker.make(seed=number, gates=[{"no_worse_than": "dev", "target": "weight", "tolerance": 5.0}])
    watched = Watched(maker.signer, meanwhile=lambda: registry.promote("parcel@2", "dev"))

    done = Registry(catalog, repos, watched).promote("parcel@1", "dev")

    assert done.moved
    assert done.gates[0].gate.startswith("rmse no worse than dev (version 2)")
    assert [info.version for info in registry.promotions().items] == [1, 2]


def test_who_always_loses_the_race_is_told(
    maker: Maker, registry: Registry, catalog: Catalog, repos: Repos
) -> None:
    for number in (1, 2, 3):
        maker.make(seed=number)
    others = cycle([2, 3])
    watched = Watched(maker.signer, meanwhile=lambda: registry.promote(f"parcel@{next(others)}", "dev"))

    with pytest.raises(PromotionRaced, match="parcel@1"):
        Registry(catalog, repos, watched).promote("parcel@1", "dev")

    assert {info.version for info in registry.promotions().items} == {2, 3}


# --- the list ------------------------------------------------------------------


def test_attempts_are_listed_newest_first_page_by_page(maker: Maker, registry: Registry) -> None:
    maker.make()
    maker.make("letter")
    through(registry, "parcel@1", "dev", "staging", "prod")
    registry.promote("letter@1", "dev")

    first = registry.promotions(limit=3)
    rest = registry.promotions(limit=3, after=first.next)

    assert [(info.model, info.environment) for info in (*first.items, *rest.items)] == [
        ("letter", "dev"),
        ("parcel", "prod"),
        ("parcel", "staging"),
        ("parcel", "dev"),
    ]
    assert rest.next is None
    assert [info.environment for info in registry.promotions(model="parcel", environment="prod").items] == [
        "prod"
    ]
