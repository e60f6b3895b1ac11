"""The models of a workspace: their versions, what each version is, and which one is where.

A version is a commit of the repo `models/<model>` under a tag with its
number, an environment a branch there. The rows here make them quick to find
and keep the evidence; what a version is stands in its files, and is read from
there.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from headwater.api.documents import Listing, ModelInfo, PromotionInfo, VersionInfo
from headwater.clock import Clock, SystemClock
from headwater.db import Catalog, Counters
from headwater.ids import CommitId
from headwater.models import cursors, store
from headwater.models.artifact import Verifier
from headwater.models.environments import Environment, Environments
from headwater.models.errors import VersionExists
from headwater.models.gates import GateSpec
from headwater.models.names import REPO_PREFIX, parse_ref
from headwater.models.predictor import Predictor
from headwater.models.promotion import Promotions
from headwater.models.shelf import Shelf
from headwater.models.versions import deployed, describe, find, known_model
from headwater.repos import Repos, View

_PAGE = 50


class Registry:
    """The models of one workspace; may be used from many threads at once."""

    def __init__(
        self, catalog: Catalog, repos: Repos, signer: Verifier, *, clock: Clock | None = None
    ) -> None:
        """Reads nothing yet; `signer` knows which artifacts this workspace signed."""
        self._catalog = catalog
        self._repos = repos
        self._clock = clock or SystemClock()
        self._shelf = Shelf(repos, signer)
        self._environments = Environments(catalog, clock=self._clock)
        self._promotions = Promotions(catalog, repos, self._shelf, self._environments, clock=self._clock)

    # --- models and versions ---------------------------------------------------

    def models(self, *, limit: int = _PAGE, after: str | None = None) -> Listing[ModelInfo]:
        """Returns the models by name.

        Args:
            limit: The most that one page holds.
            after: The `next` of the page before.
        """
        with self._catalog.read() as conn:
            rows, last = cursors.page(store.list_models(conn, after=after, limit=limit + 1), limit)
            items = [_model_info(conn, row) for row in rows]
        return Listing(items=items, next=None if last is None else last.name)

    def model(self, name: str) -> ModelInfo:
        """Returns one model.

        Raises:
            ModelNotFound: There is none of this name; the nearest name is told.
        """
        with self._catalog.read() as conn:
            return _model_info(conn, known_model(conn, name))

    def versions(self, model: str, *, limit: int = _PAGE, after: str | None = None) -> Listing[VersionInfo]:
        """Returns a model's versions, newest first.

        Raises:
            ModelNotFound: There is none of this name; the nearest name is told.
        """
        with self._catalog.read() as conn:
            known_model(conn, model)
            found = store.list_versions(conn, model, below=cursors.below(after), limit=limit + 1)
            places = deployed(conn, model)
        rows, last = cursors.page(found, limit)
        items = [self._describe(row, places) for row in rows]
        return Listing(items=items, next=None if last is None else str(last.number))

    def version(self, ref: str) -> VersionInfo:
        """Returns what a version is, from its files and rows; no model is loaded.

        Args:
            ref: `iris@7`, `iris@latest`, `iris@prod`, `iris@<commit id>` or the beginning of one.

        Raises:
            InvalidModelRef: The ref has another form.
            ModelNotFound: There is no such model; the nearest name is told.
            VersionNotFound: It has no such version; those it has are told.
            NothingDeployed: The environment has no version of it.
            ArtifactCorrupt: A file that tells about it is missing or damaged.
        """
        row = self._find(ref)
        with self._catalog.read() as conn:
            places = deployed(conn, row.model)
        return self._describe(row, places)

    def view(self, ref: str) -> View:
        """Returns the version's commit in `models/<model>`, as it is, unverified; errors are those of `version`."""
        return self._shelf.view(self._find(ref))

    def read(self, ref: str, path: str) -> bytes:
        """Returns a file of a version, after checking that it is what was signed; errors are those of `version`."""
        return self._shelf.reader(self._find(ref))(path)

    def predictor(self, ref: str) -> Predictor:
        """Returns a version that is ready to predict; signature and every file it is loaded from are checked.

        Errors are those of `version`, and:

        Raises:
            ArtifactFormat: It needs a newer version of Headwater.
            MissingExtra: The model's library is not installed.
        """
        return Predictor.load(self._shelf.reader(self._find(ref)))

    def next_number(self, conn: Connection, model: str) -> int:
        """Returns a number for a version of the model that no committed transaction was given before."""
        return Counters.next(conn, f"model-version/{model}")

    def register(self, conn: Connection, model: str, number: int, commit: CommitId) -> None:
        """Makes a commit of `models/<model>` a version: its row, and the tag with its number.

        Args:
            conn: The transaction that finishes the commit.
            model: The model's name.
            number: What `next_number` gave for it; the artifact's manifest says the same.
            commit: The commit whose tree is the artifact.

        Raises:
            VersionExists: The number or the commit is a version's already.
        """
        taken = store.find_version(conn, model, number) or store.version_of_commit(conn, commit)
        if taken is not None:
            raise VersionExists(taken.ref)
        row = store.VersionRow(model, number, commit, "ready", self._clock.now_ms())
        store.add_version(conn, row)
        repo = self._repos.ensure(conn, f"{REPO_PREFIX}{model}", kind="model")
        repo.create_tag(str(number), commit, conn=conn)

    def number_of(self, commit: CommitId) -> int | None:
        """Returns the number of the version whose artifact this commit is; none for any other commit."""
        with self._catalog.read() as conn:
            found = store.version_of_commit(conn, commit)
        return None if found is None else found.number

    # --- environments and promotions -------------------------------------------

    def environments(self) -> list[Environment]:
        """Returns the environments in the order in which versions pass through them."""
        return self._environments.list()

    def environment(self, name: str) -> Environment:
        """Returns one environment.

        Raises:
            EnvironmentNotFound: There is none of this name; those there are are told.
        """
        return self._environments.get(name)

    def create_environment(
        self, name: str, *, gates: Sequence[GateSpec] = (), before: str | None = None
    ) -> Environment:
        """Makes an environment and returns it; see `Environments.create`."""
        return self._environments.create(name, gates=gates, before=before)

    def promote(self, ref: str, environment: str, *, by: str = "") -> PromotionInfo:
        """Brings a version into an environment, if all gates of its request and of the environment let it.

        Gates are run with the version's own test rows; see docs/decisions/041.
        Where the version is there already, the answer is the promotion that
        brought it, with `moved` false, and nothing changes.

        Args:
            ref: The version, as in `version`.
            environment: Where to; the version enters those before it on its way, where it
                has not been there yet, see docs/decisions/040.
            by: Who wants it.

        Raises:
            GateFailed: Tells every gate that failed; the attempt is kept with its evidence.
            OutOfOrder: The version was rolled back in the environment before.
            EnvironmentNotFound: There is no such environment.
            PromotionRaced: Others promoted into it all the while.
            ArtifactCorrupt: The version is not what was signed.
        """
        return self._promotions.promote(ref, environment, by=by)

    def rollback(self, model: str, environment: str, *, by: str = "", reason: str = "") -> PromotionInfo:
        """Brings back the version that was in an environment before the one that is there.

        No gates are run, since the version passed them when it came; its
        signature and digests are checked. Rolling back again goes one further back.

        Raises:
            NothingToRollBack: There was none before.
            NothingDeployed: There is none now.
            EnvironmentNotFound: There is no such environment.
            ModelNotFound: There is no such model.
            ArtifactCorrupt: The version to go back to is not what was signed.
        """
        return self._promotions.rollback(model, environment, by=by, reason=reason)

    def promotions(
        self,
        *,
        model: str | None = None,
        environment: str | None = None,
        limit: int = _PAGE,
        after: str | None = None,
    ) -> Listing[PromotionInfo]:
        """Returns attempts to promote, newest first, refused ones and rollbacks too."""
        return self._promotions.list(model=model, environment=environment, limit=limit, after=after)

    def _find(self, ref: str) -> store.VersionRow:
        meant = parse_ref(ref)
        with self._catalog.read() as conn:
            return find(conn, meant)

    def _describe(self, row: store.VersionRow, places: dict[str, int]) -> VersionInfo:
        view = self._shelf.view(row)
        here = [name for name, number in places.items() if number == row.number]
        return describe(row, view.read, here, list(view.commit.provenance))


def _model_info(conn: Connection, row: store.ModelRow) -> ModelInfo:
    return ModelInfo(
        model=row.name, latest=row.latest, versions=row.versions, environments=deployed(conn, row.name)
    )
