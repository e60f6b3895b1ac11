"""Environments: their names, their order, and the gates that each has of its own.

A version passes through them in this order. `dev`, `staging` and `prod` are
made when environments are first needed; the names are the user's, and others
may follow or stand between.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from headwater.api.documents import EnvironmentInfo
from headwater.clock import Clock
from headwater.db import Catalog
from headwater.models import store
from headwater.models.errors import EnvironmentExists, EnvironmentNotFound, InvalidGates
from headwater.models.gates import GateSpec, gate_mistakes
from headwater.models.names import check_environment_name

_FIRST = ("dev", "staging", "prod")


class Environment(msgspec.Struct, frozen=True):
    """An environment; `before` is the one that a version must have been in first."""

    name: str
    before: str | None
    gates: tuple[GateSpec, ...] = ()

    def info(self) -> EnvironmentInfo:
        """Returns the document that doors show."""
        return EnvironmentInfo(self.name, self.before, [msgspec.to_builtins(gate) for gate in self.gates])


class Environments:
    """The environments of one workspace, the same for all its models."""

    def __init__(self, catalog: Catalog, *, clock: Clock) -> None:
        """Makes none yet."""
        self._catalog = catalog
        self._clock = clock

    def list(self) -> list[Environment]:
        """Returns the environments in the order in which versions pass through them."""
        with self._catalog.read() as conn:
            rows = store.list_environments(conn)
        if not rows:
            with self._catalog.write() as conn:
                rows = _made(store.list_environments(conn), self._clock.now_ms())
                store.save_environments(conn, rows)
        return _in_order(rows)

    def get(self, name: str) -> Environment:
        """Returns the environment of this name.

        Raises:
            EnvironmentNotFound: There is none.
        """
        known = self.list()
        for environment in known:
            if environment.name == name:
                return environment
        raise EnvironmentNotFound(name, [environment.name for environment in known])

    def create(self, name: str, *, gates: Sequence[GateSpec] = (), before: str | None = None) -> Environment:
        """Makes an environment and returns it.

        Args:
            name: Its name, which becomes a branch of every model's repo.
            gates: What every version must pass to enter it, beside the gates of its own request.
            before: The environment that it comes before; it is the last one when none is named.

        Raises:
            InvalidEnvironment: The name is reserved or cannot be a branch.
            EnvironmentExists: The name is taken.
            EnvironmentNotFound: There is none called `before`.
            InvalidGates: A gate has a mistake.
        """
        check_environment_name(name)
        refuse_mistakes(gates)
        with self._catalog.write() as conn:
            rows = _made(store.list_environments(conn), self._clock.now_ms())
            names = [row.name for row in rows]
            if name in names:
                raise EnvironmentExists(name)
            if before is not None and before not in names:
                raise EnvironmentNotFound(before, names)
            made = store.EnvironmentRow(name, 0, msgspec.json.encode(tuple(gates)), self._clock.now_ms())
            rows.insert(len(rows) if before is None else names.index(before), made)
            store.save_environments(conn, _numbered(rows))
        return self.get(name)


def environment_names(conn: Connection) -> list[str]:
    """Returns the names in order, also before the first use has made any."""
    return [row.name for row in store.list_environments(conn)] or list(_FIRST)


def refuse_mistakes(gates: Sequence[GateSpec]) -> None:
    """Returns when nothing is wrong with the gates.

    Raises:
        InvalidGates: Something is; tells all.
    """
    mistakes = [
        (f"gates[{number}]{'.' if field else ''}{field}", sentence)
        for number, gate in enumerate(gates)
        for field, sentence in gate_mistakes(gate)
    ]
    if mistakes:
        raise InvalidGates(mistakes)


def _made(rows: Sequence[store.EnvironmentRow], now_ms: int) -> list[store.EnvironmentRow]:
    return list(rows) or [
        store.EnvironmentRow(name, place, b"[]", now_ms) for place, name in enumerate(_FIRST)
    ]


def _numbered(rows: Sequence[store.EnvironmentRow]) -> list[store.EnvironmentRow]:
    return [msgspec.structs.replace(row, position=place) for place, row in enumerate(rows)]


def _in_order(rows: Sequence[store.EnvironmentRow]) -> list[Environment]:
    befores = [None, *(row.name for row in rows)]
    return [
        Environment(row.name, before, msgspec.json.decode(row.gates, type=tuple[GateSpec, ...]))
        for row, before in zip(rows, befores, strict=False)
    ]
