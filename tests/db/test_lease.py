"""Leases and counters."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.db import Catalog, Counters, LeaseLost, Leases
from tests.clocks import HandClock
from tests.servers.postgres import fresh_catalog


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def catalog(catalog_url: str, clock: HandClock) -> Iterator[Catalog]:
    catalog = fresh_catalog(catalog_url, clock=clock)
    yield catalog
    catalog.close()


def test_a_lease_has_one_holder(catalog: Catalog) -> None:
    leases = Leases(catalog)

    assert leases.acquire("packer", "a", ttl_s=10) is not None
    assert leases.acquire("packer", "b", ttl_s=10) is None
    assert leases.acquire("sweep", "b", ttl_s=10) is not None


def test_a_lease_that_ran_out_goes_to_the_next_with_a_greater_token(
    catalog: Catalog, clock: HandClock
) -> None:
    leases = Leases(catalog)
    first = leases.acquire("packer", "a", ttl_s=10)
    clock.sleep(10)

    second = leases.acquire("packer", "b", ttl_s=10)

    assert first is not None
    assert second is not None
    assert second.token > first.token
    with pytest.raises(LeaseLost):
        leases.renew(first)
    with catalog.write() as conn, pytest.raises(LeaseLost):
        leases.check(conn, first)
    leases.release(first)
    leases.renew(second)


def test_a_lease_that_ran_out_can_be_renewed_until_somebody_takes_it(
    catalog: Catalog, clock: HandClock
) -> None:
    leases = Leases(catalog)
    lease = leases.acquire("packer", "a", ttl_s=10)
    assert lease is not None
    clock.sleep(11)

    leases.renew(lease)

    assert leases.acquire("packer", "b", ttl_s=10) is None


def test_a_renewed_lease_lives_on(catalog: Catalog, clock: HandClock) -> None:
    leases = Leases(catalog)
    lease = leases.acquire("packer", "a", ttl_s=10)
    assert lease is not None

    for _ in range(5):
        clock.sleep(9)
        leases.renew(lease)

    assert leases.acquire("packer", "b", ttl_s=10) is None


def test_a_released_lease_is_free(catalog: Catalog) -> None:
    leases = Leases(catalog)
    lease = leases.acquire("packer", "a", ttl_s=10)
    assert lease is not None

    leases.release(lease)

    assert leases.acquire("packer", "b", ttl_s=10) is not None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(
    blocks=st.lists(st.tuples(st.integers(1, 1000), st.booleans()), max_size=20),
    name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
)
def test_no_number_is_given_out_twice(catalog: Catalog, blocks: list[tuple[int, bool]], name: str) -> None:
    with catalog.write() as conn:
        last = Counters.next(conn, name)
    for size, is_committed in blocks:
        try:
            with catalog.write() as conn:
                first = Counters.next(conn, name, size)
                assert first > last
                if not is_committed:
                    raise InterruptedError
            last = first + size - 1
        except InterruptedError:
            continue
