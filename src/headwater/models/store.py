"""All SQL of models: versions, environments and promotions.

Every function takes the connection of the transaction that it is part of.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.models.tables import environments, model_versions, models, promotions


class ModelRow(msgspec.Struct, frozen=True):
    """A model as the catalog holds it."""

    name: str
    latest: int
    versions: int
    created_ms: int


class VersionRow(msgspec.Struct, frozen=True):
    """A version as the catalog holds it."""

    model: str
    number: int
    commit_id: str
    state: str
    created_ms: int

    @property
    def ref(self) -> str:
        """The name that always means this version, such as `iris@7`."""
        return f"{self.model}@{self.number}"


class EnvironmentRow(msgspec.Struct, frozen=True):
    """An environment as the catalog holds it; `gates` is JSON."""

    name: str
    position: int
    gates: bytes
    created_ms: int


class PromotionRow(msgspec.Struct, frozen=True):
    """An attempt to bring a version into an environment, or back into it; `gates` is JSON.

    The catalog gives the number, which is the order of attempts.
    """

    id: str
    kind: str
    model: str
    version: int
    environment: str
    replaced: int | None
    base: int | None
    promoted_by: str
    at_ms: int
    gates: bytes
    moved: bool
    commit_id: str | None
    reason: str
    number: int = 0


_MODEL = [models.c[name] for name in ModelRow.__struct_fields__]
_VERSION = [model_versions.c[name] for name in VersionRow.__struct_fields__]
_ENVIRONMENT = [environments.c[name] for name in EnvironmentRow.__struct_fields__]
_PROMOTION = [promotions.c[name] for name in PromotionRow.__struct_fields__]


def model_names(conn: Connection) -> list[str]:
    """Returns the names of all models, in order; for messages about a name that is none of them."""
    return list(conn.execute(sa.select(models.c.name).order_by(models.c.name)).scalars())


def find_model(conn: Connection, name: str) -> ModelRow | None:
    """Returns the model of this name."""
    row = conn.execute(sa.select(*_MODEL).where(models.c.name == name)).first()
    return None if row is None else ModelRow(*row)


def list_models(conn: Connection, *, after: str | None, limit: int) -> list[ModelRow]:
    """Returns models in the order of their names, after the given one."""
    query = sa.select(*_MODEL)
    if after is not None:
        query = query.where(models.c.name > after)
    return [ModelRow(*row) for row in conn.execute(query.order_by(models.c.name).limit(limit))]


def add_version(conn: Connection, row: VersionRow) -> None:
    """Keeps a version, and its model where it is the first."""
    found = find_model(conn, row.model)
    if found is None:
        first = ModelRow(row.model, latest=row.number, versions=1, created_ms=row.created_ms)
        conn.execute(sa.insert(models).values(msgspec.structs.asdict(first)))
    else:
        conn.execute(
            sa.update(models)
            .where(models.c.name == row.model)
            .values(latest=max(found.latest, row.number), versions=found.versions + 1)
        )
    conn.execute(sa.insert(model_versions).values(msgspec.structs.asdict(row)))


def find_version(conn: Connection, model: str, number: int) -> VersionRow | None:
    """Returns this version of the model."""
    return _version(conn, model_versions.c.model == model, model_versions.c.number == number)


def version_of_commit(conn: Connection, commit_id: str) -> VersionRow | None:
    """Returns the version whose artifact this commit is."""
    return _version(conn, model_versions.c.commit_id == commit_id)


def _version(conn: Connection, *where: sa.ColumnElement[bool]) -> VersionRow | None:
    row = conn.execute(sa.select(*_VERSION).where(*where)).first()
    return None if row is None else VersionRow(*row)


def list_versions(conn: Connection, model: str, *, below: int | None, limit: int) -> list[VersionRow]:
    """Returns the model's versions, newest first, below the given number."""
    query = sa.select(*_VERSION).where(model_versions.c.model == model)
    if below is not None:
        query = query.where(model_versions.c.number < below)
    return [
        VersionRow(*row) for row in conn.execute(query.order_by(model_versions.c.number.desc()).limit(limit))
    ]


def versions_with_prefix(conn: Connection, model: str, prefix: str) -> dict[str, int]:
    """Returns commit id and number of versions and promotions whose commit id begins so; two at most."""
    found: dict[str, int] = {}
    for commit, number, name in (
        (model_versions.c.commit_id, model_versions.c.number, model_versions.c.model),
        (promotions.c.commit_id, promotions.c.version, promotions.c.model),
    ):
        begins = sa.and_(commit >= prefix, commit < prefix + "g")  # "g" comes after every hexadecimal digit
        for row in conn.execute(sa.select(commit, number).where(name == model, begins).limit(2)):
            found[row[0]] = row[1]
    return found


def list_environments(conn: Connection) -> list[EnvironmentRow]:
    """Returns the environments in the order in which versions pass through them."""
    query = sa.select(*_ENVIRONMENT).order_by(environments.c.position)
    return [EnvironmentRow(*row) for row in conn.execute(query)]


def save_environments(conn: Connection, rows: Sequence[EnvironmentRow]) -> None:
    """Keeps these environments, new ones and changed ones."""
    known = set(conn.execute(sa.select(environments.c.name)).scalars())
    for row in rows:
        values: dict[str, Any] = msgspec.structs.asdict(row)
        if row.name in known:
            conn.execute(sa.update(environments).where(environments.c.name == row.name).values(values))
        else:
            conn.execute(sa.insert(environments).values(values))


def add_promotion(conn: Connection, row: PromotionRow) -> None:
    """Keeps an attempt, in order after all before it."""
    values = msgspec.structs.asdict(row)
    del values["number"]
    conn.execute(sa.insert(promotions).values(values))


def current_promotion(conn: Connection, model: str, environment: str) -> PromotionRow | None:
    """Returns the attempt that brought what is in the environment."""
    query = (
        sa.select(*_PROMOTION)
        .where(
            promotions.c.model == model, promotions.c.environment == environment, promotions.c.moved.is_(True)
        )
        .order_by(promotions.c.number.desc())
        .limit(1)
    )
    row = conn.execute(query).first()
    return None if row is None else PromotionRow(*row)


def promotion_by_number(conn: Connection, number: int) -> PromotionRow | None:
    """Returns the attempt with this number."""
    row = conn.execute(sa.select(*_PROMOTION).where(promotions.c.number == number)).first()
    return None if row is None else PromotionRow(*row)


def last_word_on(conn: Connection, model: str, environment: str, version: int) -> PromotionRow | None:
    """Returns the last attempt that brought this version into the environment or rolled it back."""
    withdrawn = sa.and_(promotions.c.kind == "rollback", promotions.c.replaced == version)
    query = (
        sa.select(*_PROMOTION)
        .where(
            promotions.c.model == model,
            promotions.c.environment == environment,
            promotions.c.moved.is_(True),
            sa.or_(promotions.c.version == version, withdrawn),
        )
        .order_by(promotions.c.number.desc())
        .limit(1)
    )
    row = conn.execute(query).first()
    return None if row is None else PromotionRow(*row)


def list_promotions(
    conn: Connection, *, model: str | None, environment: str | None, below: int | None, limit: int
) -> list[PromotionRow]:
    """Returns attempts, newest first, below the given number."""
    query = sa.select(*_PROMOTION)
    if model is not None:
        query = query.where(promotions.c.model == model)
    if environment is not None:
        query = query.where(promotions.c.environment == environment)
    if below is not None:
        query = query.where(promotions.c.number < below)
    return [
        PromotionRow(*row) for row in conn.execute(query.order_by(promotions.c.number.desc()).limit(limit))
    ]
