"""Moves versions into environments through their gates, and back out again.

Gates are run outside any transaction, since they read models and predict.
One transaction then makes the move: a commit on the environment's branch of
the model's repo, with the version's tree, and the row that keeps the gates'
evidence. It goes through only where the branch is still at the commit that
the decision was made at; whoever lost that race decides again.

A refused promotion leaves its row and nothing else.
"""

from collections.abc import Sequence
from functools import partial

import msgspec
from sqlalchemy import Connection

from headwater.api.documents import GateResult, Listing, PromotionInfo, Provenance
from headwater.clock import Clock, rfc3339
from headwater.db import Catalog
from headwater.errors import Corrupt, VersionMismatch
from headwater.ids import CommitId, PromotionId, random_id
from headwater.models import cursors, store
from headwater.models.environments import Environment, Environments, environment_names
from headwater.models.errors import GateFailed, NothingDeployed, NothingToRollBack, OutOfOrder, PromotionRaced
from headwater.models.gates import failures
from headwater.models.names import REPO_PREFIX, ModelRef, parse_ref
from headwater.models.shelf import Shelf
from headwater.models.trial import Opponent, run_gates
from headwater.models.versions import find, known_model
from headwater.repos import BranchMoved, PendingCommit, Repos, Trees

_ATTEMPTS = 5


class Promotions:
    """The promotions and rollbacks of one workspace."""

    def __init__(
        self, catalog: Catalog, repos: Repos, shelf: Shelf, environments: Environments, *, clock: Clock
    ) -> None:
        """Moves nothing yet."""
        self._catalog = catalog
        self._repos = repos
        self._shelf = shelf
        self._environments = environments
        self._clock = clock

    def promote(self, ref: str, environment: str, *, by: str = "") -> PromotionInfo:
        """Brings a version into an environment; see `Registry.promote`."""
        place = self._environments.get(environment)
        with self._catalog.read() as conn:
            version = find(conn, parse_ref(ref))
            has_to_pass = _has_not_been_in(conn, version, place.before)
        if has_to_pass is not None:
            self.promote(version.ref, has_to_pass, by=by)
        for _ in range(_ATTEMPTS):
            with self._catalog.read() as conn:
                current = store.current_promotion(conn, version.model, place.name)
                if current is not None and current.version == version.number:
                    return msgspec.structs.replace(info_of(current), moved=False)
                _refuse_out_of_order(conn, version, place)
            candidate = self._shelf.whole(version)
            gates = run_gates(candidate, place.gates, partial(self._opponent, version.model))
            row = self._row("promotion", version, place.name, current, by=by, gates=gates)
            if not all(gate.passed for gate in gates):
                raise self._refused(row, gates)
            try:
                return self._move(row, version, current, place)
            except BranchMoved:
                continue
        raise PromotionRaced(version.ref, environment)

    def rollback(self, model: str, environment: str, *, by: str = "", reason: str = "") -> PromotionInfo:
        """Brings back what was in an environment before; see `Registry.rollback`."""
        place = self._environments.get(environment)
        for _ in range(_ATTEMPTS):
            with self._catalog.read() as conn:
                latest = known_model(conn, model).latest
                current = store.current_promotion(conn, model, place.name)
                if current is None:
                    raise NothingDeployed(model, place.name, latest=latest)
                base = None if current.base is None else store.promotion_by_number(conn, current.base)
                if base is None:
                    raise NothingToRollBack(model, place.name, version=current.version)
                version = find(conn, ModelRef(model, str(base.version)))
            self._shelf.whole(version)
            row = msgspec.structs.replace(
                self._row("rollback", version, place.name, current, by=by, gates=()),
                base=base.base,
                reason=reason or f"rollback of version {current.version}",
            )
            try:
                return self._move(row, version, current, place)
            except BranchMoved:
                continue
        raise PromotionRaced(model, environment)

    def list(
        self, *, model: str | None, environment: str | None, limit: int, after: str | None
    ) -> Listing[PromotionInfo]:
        """Returns attempts, newest first, refused ones too."""
        with self._catalog.read() as conn:
            rows = store.list_promotions(
                conn, model=model, environment=environment, below=cursors.below(after), limit=limit + 1
            )
        shown, last = cursors.page(rows, limit)
        return Listing(items=[info_of(row) for row in shown], next=None if last is None else str(last.number))

    def _move(
        self,
        row: store.PromotionRow,
        version: store.VersionRow,
        current: store.PromotionRow | None,
        place: Environment,
    ) -> PromotionInfo:
        repo = f"{REPO_PREFIX}{version.model}"
        verb = "Promote" if row.kind == "promotion" else "Roll back to"
        pending = PendingCommit(
            repo=repo,
            branch=place.name,
            trees=Trees(self._shelf.view(version).tree),
            parent=None if current is None or current.commit_id is None else CommitId(current.commit_id),
            message=f"{verb} {version.ref} in {place.name}",
            author=row.promoted_by,
            metadata={"version": str(version.number), "promotion": row.id},
            provenance=(
                Provenance("commit", repo, version.commit_id, "version"),
                Provenance("evidence", repo, row.id, row.kind),
            ),
            shares=(CommitId(version.commit_id),),
        )
        with self._catalog.write() as conn:
            if row.kind == "promotion":
                _refuse_out_of_order(conn, version, place)
            commit = self._repos.publish(conn, pending)
            moved = msgspec.structs.replace(row, moved=True, commit_id=commit.id)
            store.add_promotion(conn, moved)
        return info_of(moved)

    def _refused(self, row: store.PromotionRow, gates: Sequence[GateResult]) -> GateFailed:
        sentences = list(failures(gates))
        kept = msgspec.structs.replace(row, reason="; ".join(sentences))
        with self._catalog.write() as conn:
            store.add_promotion(conn, kept)
        return GateFailed(info_of(kept), sentences)

    def _row(
        self,
        kind: str,
        version: store.VersionRow,
        environment: str,
        current: store.PromotionRow | None,
        *,
        by: str,
        gates: Sequence[GateResult],
    ) -> store.PromotionRow:
        return store.PromotionRow(
            id=PromotionId(random_id()),
            kind=kind,
            model=version.model,
            version=version.number,
            environment=environment,
            replaced=None if current is None else current.version,
            base=None if current is None else current.number,
            promoted_by=by,
            at_ms=self._clock.now_ms(),
            gates=msgspec.json.encode(gates),
            moved=False,
            commit_id=None,
            reason="",
        )

    def _opponent(self, model: str, environment: str) -> Opponent | str:
        with self._catalog.read() as conn:
            if environment not in environment_names(conn):
                return "there is no such environment"
            current = store.current_promotion(conn, model, environment)
            version = None if current is None else store.find_version(conn, model, current.version)
        if version is None:
            return Opponent(None)
        try:
            return Opponent(version.number, self._shelf.reader(version))
        except (Corrupt, VersionMismatch) as error:
            return f"version {version.number} there cannot be used. {error.message}"


def info_of(row: store.PromotionRow) -> PromotionInfo:
    """Returns an attempt as the document that doors show."""
    return PromotionInfo(
        id=row.id,
        model=row.model,
        version=row.version,
        environment=row.environment,
        by=row.promoted_by,
        at=rfc3339(row.at_ms),
        gates=msgspec.json.decode(row.gates, type=list[GateResult]),
        moved=row.moved,
        commit=row.commit_id,
    )


def _has_not_been_in(conn: Connection, version: store.VersionRow, environment: str | None) -> str | None:
    """Returns the environment, unless the version entered it once; one that was rolled back there did."""
    if (
        environment is None
        or store.last_word_on(conn, version.model, environment, version.number) is not None
    ):
        return None
    return environment


def _refuse_out_of_order(conn: Connection, version: store.VersionRow, place: Environment) -> None:
    if place.before is None:
        return
    last = store.last_word_on(conn, version.model, place.before, version.number)
    if last is None or last.version != version.number:
        raise OutOfOrder(version.ref, place.name, before=place.before, was_rolled_back=last is not None)
