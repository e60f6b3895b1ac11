"""A version that is deployed keeps its training data.

Asked for some commits, it looks at the models that were made of them, not at
all models: the cost follows what is asked.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.models import store
from headwater.repos import Descent


class DeployedPins:
    """Tells which commits the deployed versions were made of: a `PinSource`."""

    def pinned(self, conn: Connection, repos: Descent, commits: Sequence[CommitId]) -> Mapping[CommitId, str]:
        """Tells which of the commits a version was trained on that is in an environment now."""
        found: dict[CommitId, str] = {}
        for data, made in repos.made_of(conn, commits, kind="model"):
            version = store.version_of_commit(conn, made)
            if version is None or data in found:
                continue
            places = [row.name for row in store.list_environments(conn) if _is_in(conn, version, row.name)]
            if places:
                found[data] = f"{version.ref} was made of it and is in {', '.join(places)}"
        return found


def _is_in(conn: Connection, version: store.VersionRow, environment: str) -> bool:
    current = store.current_promotion(conn, version.model, environment)
    return current is not None and current.version == version.number
