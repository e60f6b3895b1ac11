"""A store with patience waits longer each time, at random, and not for ever."""

from collections.abc import Callable

import pytest

from headwater.storage import ObjectKey, ObjectNotFound, StorageUnavailable, open_store
from headwater.storage.backends.retry import Patience, RetryStore
from headwater.storage.stores import MemoryStore


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now_s, self.waits = 0.0, list[float]()

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, wait_s: float) -> None:
        self.waits.append(wait_s)
        self.now_s += wait_s


class Failing(MemoryStore):
    """Fails so often before it does what it should."""

    def __init__(self, failures: int, *, transient: bool = True) -> None:
        super().__init__()
        self.failures, self.calls, self._transient = failures, 0, transient

    def get(self, key: ObjectKey, span: slice | None = None) -> bytes:
        self.calls += 1
        if self.calls <= self.failures:
            raise StorageUnavailable("It is down.", hint="Wait.", transient=self._transient)
        return super().get(key, span)


KEY = ObjectKey("k/a")


def patient(
    store: MemoryStore,
    clock: Clock,
    patience: Patience,
    jitter: Callable[[float], float] = lambda longest: longest,
) -> RetryStore:
    return RetryStore(store, patience, clock=clock, sleep=clock.sleep, jitter=jitter)


def test_the_longest_wait_doubles_up_to_a_limit() -> None:
    clock, store = Clock(), Failing(6)
    store.put(KEY, b"x")

    found = patient(store, clock, Patience(first_s=0.1, longest_s=1.0)).get(KEY)

    assert found == b"x"
    assert clock.waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


def test_the_wait_is_random_from_nothing_up() -> None:
    asked = list[float]()

    def jitter(longest: float) -> float:
        asked.append(longest)
        return 0.0

    clock, store = Clock(), Failing(3)
    store.put(KEY, b"x")
    patient(store, clock, Patience(), jitter).get(KEY)

    assert clock.waits == [0.0] * 3
    assert asked == pytest.approx([0.1, 0.2, 0.4])


def test_the_attempts_end() -> None:
    clock, store = Clock(), Failing(100)

    with pytest.raises(StorageUnavailable) as caught:
        patient(store, clock, Patience(attempts=4)).get(KEY)

    assert store.calls == 4
    assert "Tried 4 times" in caught.value.message
    assert caught.value.hint == "Wait."


def test_the_time_ends_before_the_attempts() -> None:
    clock, store = Clock(), Failing(100)

    with pytest.raises(StorageUnavailable):
        patient(store, clock, Patience(attempts=100, first_s=1, longest_s=8, limit_s=20)).get(KEY)

    assert clock.now_s <= 20
    assert store.calls < 10


def test_what_lasts_and_what_is_missing_is_told_at_once() -> None:
    clock = Clock()

    with pytest.raises(StorageUnavailable):
        patient(Failing(1, transient=False), clock, Patience()).get(KEY)
    with pytest.raises(ObjectNotFound):
        RetryStore(open_store("memory:")).get(KEY)

    assert clock.waits == []
