"""Environments: which there are, in which order, and under which names."""

import threading

import msgspec
import pytest

from headwater.models import Registry
from headwater.models.errors import EnvironmentExists, EnvironmentNotFound, InvalidEnvironment, InvalidGates
from headwater.models.gates import GateSpec
from tests.models.registry.maker import Maker


def names(registry: Registry) -> list[str]:
    return [environment.name for environment in registry.environments()]


def test_dev_staging_and_prod_are_there_from_the_first_use(registry: Registry) -> None:
    first = registry.environments()

    assert [(one.name, one.before) for one in first] == [
        ("dev", None),
        ("staging", "dev"),
        ("prod", "staging"),
    ]
    assert registry.environments() == first


def test_the_first_use_in_many_threads_makes_them_once(registry: Registry) -> None:
    threads = [threading.Thread(target=registry.environments) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert names(registry) == ["dev", "staging", "prod"]


def test_a_new_environment_is_the_last_or_stands_before_another(registry: Registry) -> None:
    registry.create_environment("archive")
    made = registry.create_environment("qa", before="staging")

    assert names(registry) == ["dev", "qa", "staging", "prod", "archive"]
    assert made.before == "dev"


@pytest.mark.parametrize(
    "name",
    [
        "main",
        "latest",
        "7",
        "007",
        "deadbeef",
        "0123456789abcdef",
        "",
        "a b",
        "a.b",
        "-a",
        "a/b",
        "a^",
        "x" * 65,
    ],
)
def test_a_name_that_means_something_else_is_refused(registry: Registry, name: str) -> None:
    with pytest.raises(InvalidEnvironment) as caught:
        registry.create_environment(name)

    assert repr(name) in caught.value.message


def test_a_taken_or_unknown_name_is_told(maker: Maker, registry: Registry) -> None:
    maker.make()

    with pytest.raises(EnvironmentExists, match="'prod'"):
        registry.create_environment("prod")
    with pytest.raises(EnvironmentNotFound, match="dev, staging, prod"):
        registry.create_environment("qa", before="production")
    with pytest.raises(EnvironmentNotFound, match="'porduction'"):
        registry.promote("parcel@1", "porduction")


def test_all_mistakes_in_an_environments_gates_are_told(registry: Registry) -> None:
    gates = [GateSpec(metric="rsme", max=3), GateSpec(metric="rmse"), GateSpec(metric="rmse", max=3)]

    with pytest.raises(InvalidGates) as caught:
        registry.create_environment("qa", gates=gates)

    assert [detail["field"] for detail in caught.value.details] == ["gates[0].metric", "gates[1]"]
    assert names(registry) == ["dev", "staging", "prod"]


def test_gates_of_an_environment_are_kept(registry: Registry) -> None:
    gates = (msgspec.convert({"no_worse_than": "prod", "tolerance": 0.1}, GateSpec),)

    registry.create_environment("qa", gates=gates)

    assert registry.environments()[-1].gates == gates
