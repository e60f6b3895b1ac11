"""The repos `predictions/<endpoint>`: commits files of records to them and finds a record again."""

from collections.abc import Iterable
from contextlib import suppress
from itertools import islice

import msgspec

from headwater.api.documents import Provenance
from headwater.errors import AlreadyExists, NotFound
from headwater.ids import CommitId
from headwater.monitoring.layout import Batch, Line, batches, day_of, ends_of, folder_of
from headwater.repos import Repo, Repos, View
from headwater.serving import PredictionRecord

_PREFIX = "predictions/"
_MODELS = "models/"
_FILES_PER_COMMIT = 16


class Found(msgspec.Struct, frozen=True):
    """A logged prediction and where it lies: a file of a repo, and a commit that has it."""

    record: PredictionRecord
    repo: str
    commit: CommitId
    path: str


class PredictionRepos:
    """Writes and reads the repos of all endpoints; who commits to one takes the endpoint's turn first."""

    def __init__(self, repos: Repos) -> None:
        """Reads nothing yet."""
        self._repos = repos

    def commit(self, endpoint: str, writer: str, lines: Iterable[tuple[bytes, Line]]) -> int:
        """Commits those records of one writer that are in no commit yet and returns how many that were."""
        view = self._head(endpoint)

        def last_committed(day: str, first: str) -> str | None:
            return None if view is None else _last_of(view, folder_of(day, writer), first)

        files = batches(lines, writer, last_committed)
        records = 0
        while group := list(islice(files, _FILES_PER_COMMIT)):
            records += self._commit_files(endpoint, group)
        return records

    def find(self, prediction: str) -> Found | None:
        """Returns the record with this id, or none where no commit has it."""
        for info in self._repos.list():
            if info.name.startswith(_PREFIX):
                view = self._head(info.name.removeprefix(_PREFIX))
                found = None if view is None else _find(view, prediction)
                if found is not None:
                    return found
        return None

    def _head(self, endpoint: str) -> View | None:
        try:
            return self._repos.get(f"{_PREFIX}{endpoint}").at()
        except NotFound:  # no repo yet, or no commit in it
            return None

    def _commit_files(self, endpoint: str, files: list[Batch]) -> int:
        records = sum(file.records for file in files)
        versions = sorted(frozenset().union(*(file.versions for file in files)))
        provenance = [
            Provenance("commit", f"{_MODELS}{model}", commit, "model") for model, commit in versions
        ]
        message = f"{records} prediction{'' if records == 1 else 's'}"
        with self._repo(endpoint).commit(message=message, provenance=provenance, author="serving") as commit:
            for file in files:
                commit.put(file.path, file.data)
        return records

    def _repo(self, endpoint: str) -> Repo:
        name = f"{_PREFIX}{endpoint}"
        with suppress(AlreadyExists):
            if not self._repos.exists(name):
                self._repos.create(name, kind="predictions", system=True)
        return self._repos.get(name, system=True)


def _last_of(view: View, folder: str, first: str) -> str | None:
    inside = folder.removeprefix("/")
    last = None
    # Few: only what this writer logged since the spool began.
    for entry in view.tree.entries(f"{inside}/", after=f"{inside}/{first}"):
        last = ends_of(entry.path)[1]
    return last


def _find(view: View, prediction: str) -> Found | None:
    day = day_of(prediction)
    for writer in view.tree.children(day):
        folder = f"{day}/{writer.name}"
        # Names begin with a file's last id, so the first name that is not before this id is the file's, if any is.
        entry = next(view.tree.entries(f"{folder}/", after=f"{folder}/{prediction}"), None)
        if entry is not None and ends_of(entry.path)[0] <= prediction:
            record = _record(view.read(entry.path), prediction)
            if record is not None:
                return Found(record, view.commit.repo, view.commit.id, f"/{entry.path}")
    return None


def _record(lines: bytes, prediction: str) -> PredictionRecord | None:
    start = lines.find(b'{"id":"%s"' % prediction.encode())
    if start < 0:
        return None
    return msgspec.json.decode(lines[start : lines.index(b"\n", start)], type=PredictionRecord)
