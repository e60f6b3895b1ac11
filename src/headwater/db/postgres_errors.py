"""What PostgreSQL and its driver say, in the catalog's words: what happened, and what to do next.

The server's codes decide where there is one. While a connection is made the
driver knows only the server's sentence, so that is looked at. No message
holds a password: the driver's own name host, port, user and database.
"""

import re
from collections.abc import Callable

from headwater.db.errors import (
    CatalogCorrupt,
    CatalogNotFound,
    CatalogUnavailable,
    TransactionUndone,
    WriteInSnapshot,
    refused_by_barrier,
)
from headwater.errors import Error, InvalidInput

_IN_DRIVERS_SENTENCE = (
    ("password authentication failed", "28P01"),
    ("no password supplied", "28P01"),
    ("no pg_hba.conf entry", "28000"),
    ("authentication failed", "28000"),
    ("too many clients", "53300"),
    ("remaining connection slots", "53300"),
    ("starting up", "57P03"),
    ("shutting down", "57P01"),
    ("permission denied for database", "42501"),
)
_NO_DATABASE = re.compile(r'database "[^"]*" does not exist')
_NO_ROLE = re.compile(r'role "[^"]*" does not exist')


def translated(place: str, error: BaseException | None) -> Error | None:
    """Returns the catalog's error for one of the driver's; none where it is not about the server.

    Args:
        place: The catalog's URL without its password.
        error: What the driver raised.
    """
    code = _code(error)
    if code is None:
        return _without_code(place, error)
    if code == "P0001":
        return refused_by_barrier(error)
    made = _BY_CODE.get(code) or _BY_CLASS.get(code[:2])
    return None if made is None else made(place, _said(error))


def is_gone(error: BaseException | None) -> bool:
    """Tells whether the connection broke, as after a server's restart."""
    code = _code(error)
    if code is None:
        return type(error).__name__ in ("OperationalError", "InterfaceError")
    return code.startswith("08") or code in ("57P01", "57P02", "57P03", "57P05", "25P03")


def no_database(place: str, said: str) -> Error:
    """Returns the error for a database that is not there."""
    return CatalogNotFound(
        f"There is no such database: {place} ({said}).",
        hint="Make it with `createdb NAME`, or name another one.",
    )


def _code(error: BaseException | None) -> str | None:
    code = getattr(error, "sqlstate", None)
    if isinstance(code, str):
        return code
    said = str(error)
    if _NO_DATABASE.search(said):
        return "3D000"
    if _NO_ROLE.search(said):
        return "28000"
    return next((found for words, found in _IN_DRIVERS_SENTENCE if words in said), None)


def _said(error: BaseException | None) -> str:
    """Returns the first line of what the server said, without the driver's own words before it."""
    lines = str(error).strip().splitlines()
    return lines[0].removeprefix("connection failed: ") if lines else "no reason given"


def _without_code(place: str, error: BaseException | None) -> Error | None:
    if type(error).__name__ not in ("OperationalError", "InterfaceError", "ConnectionTimeout"):
        return _unfit_text(error)
    return CatalogUnavailable(
        f"The PostgreSQL server of {place} cannot be reached ({_said(error)}).",
        hint="See whether it runs and listens at that host and port, then try again.",
    )


def _unfit_text(error: BaseException | None) -> Error | None:
    if type(error).__name__ == "DataError" and "NUL" in str(error):
        return InvalidInput(
            "A text holds the character NUL, which PostgreSQL does not keep.",
            hint="Leave that character out.",
        )
    return None


def _unavailable(what: str, hint: str) -> Callable[[str, str], Error]:
    return lambda place, said: CatalogUnavailable(f"{what.format(place=place)} ({said}).", hint=hint)


def _undone(place: str, said: str) -> Error:
    return TransactionUndone(
        f"{place} undid a transaction that met another one ({said}).",
        hint="Nothing of it was kept; do it again.",
    )


def _too_long(place: str, said: str) -> Error:  # noqa: ARG001 - all makers take the same
    return InvalidInput(
        f"A text is too long for the catalog ({said}).", hint="Make the name or text shorter."
    )


def _bad_text(place: str, said: str) -> Error:  # noqa: ARG001 - all makers take the same
    return InvalidInput(
        f"A text holds a character that PostgreSQL does not keep ({said}).", hint="Leave that character out."
    )


def _damaged(place: str, said: str) -> Error:
    return CatalogCorrupt(
        f"The database {place} is damaged ({said}).",
        hint="Restore it from a backup; the server's log says more.",
    )


def _standby(place: str, said: str) -> Error:
    return CatalogUnavailable(
        f"The server of {place} does not take this ({said}).",
        hint="Name the primary server; a standby cannot be written.",
    )


_GRANT = (
    "Let the database's owner run GRANT CREATE, USAGE ON SCHEMA public TO that user, "
    "or name a schema of its own: ?schema=NAME."
)
_NO_ENTRY = _unavailable(
    "The PostgreSQL server does not let this user in: {place}",
    "Set the password in PGPASSWORD or ~/.pgpass, and see that the server's pg_hba.conf lets the user in.",
)
_STOPPED = _unavailable(
    "The PostgreSQL server of {place} is stopping or starting", "Wait until it runs, then try again."
)
_BY_CODE: dict[str, Callable[[str, str], Error]] = {
    "22001": _too_long,
    "22021": _bad_text,
    "22P05": _bad_text,
    "25006": lambda place, said: WriteInSnapshot(),  # noqa: ARG005 - all makers take the same
    "28000": _NO_ENTRY,
    "28P01": _NO_ENTRY,
    "3D000": no_database,
    "40001": _undone,
    "40P01": _undone,
    "42501": _unavailable("{place} may not be used by this user", _GRANT),
    "53100": _unavailable(
        "The disk of the server of {place} is full, so the catalog was left as it was",
        "Make room on that disk, then run the command again.",
    ),
    "53300": _unavailable(
        "The server of {place} has no connection left", "Raise its max_connections, or stop some workers."
    ),
    "55P03": _unavailable("Another program locks {place}", "Stop what keeps it locked, then try again."),
    "57014": _unavailable(
        "The server of {place} ended a statement", "Raise the user's statement_timeout, then try again."
    ),
    "57P01": _STOPPED,
    "57P02": _STOPPED,
    "57P03": _STOPPED,
    "0A000": _standby,
    "XX001": _damaged,
    "XX002": _damaged,
}
_BY_CLASS: dict[str, Callable[[str, str], Error]] = {
    "08": _unavailable("The connection to {place} broke", "See whether the server runs, then try again."),
    "25": _unavailable(
        "The server of {place} ended a transaction that took too long",
        "Raise idle_in_transaction_session_timeout, then try again.",
    ),
    "53": _unavailable(
        "The server of {place} has no room left", "Free memory or disk there, then try again."
    ),
    "58": _unavailable(
        "The disk of the server of {place} failed",
        "Look at that disk and at the server's log, then try again.",
    ),
}
