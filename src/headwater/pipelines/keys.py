"""The two keys of a datum; their encodings are frozen in docs/format.

The datum key says *which* datum this is and so owns its output paths: input
names, repos, branches, paths. The memo key says what its result *depends on*:
paths as the code sees them, contents, code, settings and the pipeline's salt,
but no repo and no branch, so that branches and pipelines share work.
"""

from collections.abc import Iterable

from blake3 import blake3

from headwater.pipelines.kind import Datum, Members

_DATUM = "headwater 2026 datum key v1"
_MEMO = "headwater 2026 memo key v1"
_GROUP = b"\0group"  # no input has this name


def datum_key(datum: Datum) -> bytes:
    """Returns the 32 bytes that name a datum within its pipeline."""
    fields = [datum.part.encode()]
    for item in datum.inputs:
        if isinstance(item, Members):
            fields += [_GROUP, len(item.name).to_bytes(4, "little"), *item.name]
        else:
            fields += [item.input.encode(), item.repo.encode(), item.branch.encode(), item.path.encode()]
    return _digest(_DATUM, fields)


def memo_key(datum: Datum, salt: str, *, with_code: bool = True) -> bytes:
    """Returns the 32 bytes under which a datum's result is found again.

    Args:
        datum: The datum; what files of reference inputs hold does not count.
        salt: The pipeline's.
        with_code: Whether other code gives another key; `reprocess` says.
    """
    code = datum.code if with_code else ""
    fields = [salt.encode(), code.encode(), datum.identity, datum.part.encode()]
    for item in datum.inputs:
        if isinstance(item, Members):
            fields += [_GROUP, item.digest]
        else:  # which file of a reference it is counts, or all of them would share one result
            held = b"" if item.reference else item.hash
            fields += [item.input.encode(), item.path.encode(), held]
    return _digest(_MEMO, fields)


def _digest(context: str, fields: Iterable[bytes]) -> bytes:
    hasher = blake3(derive_key_context=context)
    for field in fields:
        hasher.update(len(field).to_bytes(8, "little"))
        hasher.update(field)
    return hasher.digest()
