"""Marks statements whose results nobody waits for.

Against a server each waiting costs a round trip. A marked statement is sent
at once and answered together with the next one that is waited for, or with
the end of its transaction; so an error of it comes then, and how many rows it
changed is not known. SQLite runs it where it stands.
"""

from typing import TypeVar

import sqlalchemy as sa

LATER = "headwater_later"

Statement = TypeVar("Statement", sa.Insert, sa.Update, sa.Delete)


def later(statement: Statement) -> Statement:
    """Returns the statement, marked; it must not return rows."""
    if isinstance(statement, sa.Insert):
        statement = statement.inline()
    return statement.execution_options(**{LATER: True})
