"""Tries out an object store before a workspace relies on it.

A bucket that takes objects but lets nobody delete them is noticed months later
otherwise, by the first sweep. All that is not allowed is told at once.
"""

import secrets
from collections.abc import Callable

from headwater.storage.errors import ObjectNotFound, StorageUnavailable, StoreForbidden, StoreUnfit
from headwater.storage.protocol import ObjectKey, ObjectStore, origin
from headwater.storage.stores import is_remote, open_store

_PATIENCE_S = 5.0
_DATA = b"Headwater was here to see whether it can write; this may be deleted."


def verify_store(url: str) -> None:
    """Puts, gets, lists and deletes an object in the store that a URL names.

    Args:
        url: As `open_store` takes it.

    Raises:
        StoreUnfit: Some of it is not allowed, or does not do what it should; each with its reason.
        StorageUnavailable: The store cannot be reached or found, or does not know who asks.
        UnknownStore: The URL names none.
        InvalidStoreUrl: It says too little or too much.
    """
    verify(_hurried(url) if is_remote(url) else origin(open_store(url)))


def verify(store: ObjectStore) -> None:
    """Does the same with a store that is open."""
    probe = ObjectKey(f"probes/{secrets.token_hex(16)}")
    wrong: dict[str, str] = {}
    hints: list[str] = []

    def attempt(verb: str, call: Callable[[], bool]) -> bool:
        """Tries one verb; a fault that all others would share ends everything."""
        try:
            is_right = call()
        except StoreForbidden as refused:
            wrong[verb] = refused.message
            hints.append(refused.hint)
            return False
        except ObjectNotFound:
            is_right = False
        if not is_right:
            wrong[verb] = f"{store.url} does not {verb} as it should: what was put is not what is found"
        return is_right

    is_written = attempt("write", lambda: _put(store, probe))
    if is_written:
        attempt("read", lambda: store.get(probe) == _DATA and store.get(probe, slice(10, 13)) == _DATA[10:13])
        attempt("list", lambda: probe in set(store.list("probes/")))
    else:
        attempt("read", lambda: not store.exists(probe))
        attempt("list", lambda: probe not in set(store.list("probes/")))
    is_deleted = attempt("delete", lambda: _delete(store, probe))
    if wrong:
        left = f" The object {probe} is left there." if is_written and not is_deleted else ""
        raise StoreUnfit(
            f"In {store.url} Headwater cannot {' or '.join(wrong)}.{left}",
            hint=hints[0] if hints else "Use a store that shows an object as soon as it was put.",
            details=[{"operation": verb, "problem": problem} for verb, problem in wrong.items()],
        )


def _hurried(url: str) -> ObjectStore:
    """Opens a remote store that is less patient: somebody waits, and a typo in the URL is likelier than a fault."""
    from headwater.storage.backends.cloud import CloudStore
    from headwater.storage.backends.retry import Patience, RetryStore
    from headwater.storage.backends.urls import parse

    return RetryStore(CloudStore(parse(url)), Patience(limit_s=_PATIENCE_S))


def _put(store: ObjectStore, probe: ObjectKey) -> bool:
    store.put(probe, _DATA)
    return True


def _delete(store: ObjectStore, probe: ObjectKey) -> bool:
    store.delete(probe)
    try:
        return not store.exists(probe)
    except StorageUnavailable:  # without the right to list, S3 calls a missing object forbidden
        return True
