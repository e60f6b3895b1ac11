"""The one `MetaData` that every floor's tables stand in, and the type of their keys.

Constraints without a name get one by rule, because SQLite and PostgreSQL
invent different ones and a later migration must be able to name them.
"""

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Numbers that the catalog gives to rows. SQLite counts up only what is called INTEGER, and counts in 64 bits.
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
