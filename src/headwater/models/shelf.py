"""Gives the files of versions: out of the model's repo, and checked against what was signed."""

from headwater.models.artifact import ArtifactReader, Verifier, read_manifest, verified, verify_artifact
from headwater.models.errors import ArtifactCorrupt
from headwater.models.layout import Layout
from headwater.models.store import VersionRow
from headwater.repos import Repos, View


class Shelf:
    """The artifacts of all models."""

    def __init__(self, repos: Repos, verifier: Verifier) -> None:
        """Reads nothing yet."""
        self._repos = repos
        self._verifier = verifier

    def view(self, version: VersionRow) -> View:
        """Returns the version's commit."""
        return self._repos.view(self._repos.commit_by_id(version.commit_id))

    def reader(self, version: VersionRow) -> ArtifactReader:
        """Returns a reader that gives only files that are what was signed for this version.

        Raises:
            ArtifactCorrupt: The manifest is not; the reader raises it for other files.
            ArtifactFormat: A newer version of Headwater wrote it.
        """
        read = verified(self.view(version).read, self._verifier)
        _refuse_other(read, version)
        return read

    def whole(self, version: VersionRow) -> ArtifactReader:
        """Returns such a reader after reading and checking every file there is.

        Raises:
            ArtifactCorrupt: One is missing, surplus, changed or not signed.
            ArtifactFormat: A newer version of Headwater wrote it.
        """
        view = self.view(version)
        paths = [file.path.lstrip("/") for file in view.walk()]
        verify_artifact(view.read, paths, self._verifier)
        _refuse_other(view.read, version)
        return verified(view.read, self._verifier)


def _refuse_other(read: ArtifactReader, version: VersionRow) -> None:
    manifest = read_manifest(read)
    if (manifest.model, manifest.version) != (version.model, version.number):
        raise ArtifactCorrupt(
            Layout.MANIFEST, f"is of {manifest.model}@{manifest.version}, not of {version.ref}"
        )
