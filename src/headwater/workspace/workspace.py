"""The workspace: a door to every noun, each verb one call into the floor that does it."""

from pathlib import Path
from types import TracebackType
from typing import Self

from headwater.api.documents import WorkspaceInfo
from headwater.api.html import fields_html
from headwater.clock import Clock, SystemClock
from headwater.settings import locate, place_of, redacted
from headwater.workspace.care_verbs import CareVerbs
from headwater.workspace.commit_verbs import CommitVerbs
from headwater.workspace.gateway_verbs import GatewayVerbs
from headwater.workspace.history_verbs import HistoryVerbs
from headwater.workspace.model_verbs import ModelVerbs
from headwater.workspace.parts import Parts
from headwater.workspace.pipeline_verbs import PipelineVerbs
from headwater.workspace.places import create_place, open_place, workspace_exists
from headwater.workspace.repo_verbs import RepoVerbs
from headwater.workspace.setting_verbs import SettingVerbs

_CLOCK = SystemClock()


def open_workspace(
    url: str | Path | None = None, *, create: bool = False, objects: str | None = None
) -> "Workspace":
    """Opens the workspace at a URL, else that of the environment, else the nearest one upward.

    Args:
        url: A folder, or the URL of a catalog; with none it is looked for as the command line does.
        create: Make it where there is none.
        objects: Where a workspace that is made keeps its objects, such as `s3://bucket/prefix`.

    Raises:
        NotFound: There is no workspace.
        WorkspaceMoved: It is somewhere else by now.
        VersionMismatch: It was made by a newer Headwater.
    """
    text = None if url is None else str(url)
    if create and text is not None and not workspace_exists(place_of(text), _CLOCK):
        return Workspace.create(text, objects=objects)
    return Workspace.open(text)


class Workspace(
    CommitVerbs,
    HistoryVerbs,
    RepoVerbs,
    PipelineVerbs,
    ModelVerbs,
    GatewayVerbs,
    SettingVerbs,
    CareVerbs,
):
    """An open workspace; a context manager that closes it."""

    def __init__(self, parts: Parts) -> None:
        """Takes the parts; `create` and `open` are the ways in."""
        self._parts = parts

    @classmethod
    def create(cls, url: str, *, objects: str | None = None, clock: Clock = _CLOCK) -> Self:
        """Makes a workspace in a folder, or in a catalog of its own.

        Args:
            url: A folder, or the URL of a catalog, such as `postgresql://user@host/database`.
            objects: Where objects lie, such as `s3://bucket/prefix`; a folder has a place for them.
            clock: What times go by.

        Raises:
            WorkspaceExists: There is one already.
            ObjectsNotNamed: A workspace without a folder needs an object store.
            StorageUnavailable: The object store does not take objects.
        """
        return cls(create_place(place_of(url), objects, clock))

    @classmethod
    def open(cls, url: str | None = None, *, clock: Clock = _CLOCK) -> Self:
        """Opens a workspace; see `open_workspace`."""
        return cls(open_place(locate(url), clock))

    @property
    def url(self) -> str:
        """What opens the workspace in another process; it may hold a password."""
        return self._parts.url

    def __repr__(self) -> str:
        """Names it, in a terminal."""
        return f"Workspace({redacted(self._parts.url)!r})"

    def _repr_html_(self) -> str:
        parts = [self._parts.repos._repr_html_(), self.pipelines._repr_html_()]
        return fields_html(f"Workspace {redacted(self._parts.url)}", {}, *parts)

    def close(self) -> None:
        """Commits what endpoints have answered, and lets go of the catalog."""
        self._parts.close()

    def __enter__(self) -> Self:
        """Returns the workspace itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes it."""
        self.close()

    def info(self) -> WorkspaceInfo:
        """Returns where the workspace is and what it holds."""
        from importlib.metadata import version

        parts = self._parts
        repos = list(parts.repos.list())
        with parts.catalog.read() as conn:
            sizes, named = parts.storage.sizes(conn), parts.repos.named_bytes(conn)
        return WorkspaceInfo(
            url=redacted(parts.url),
            catalog=redacted(parts.catalog.url),
            objects=redacted(parts.objects_url),
            version=version("headwater"),
            repos=len(repos),
            size=sum(repo.size for repo in repos),
            stored=sizes.stored,
            named=named,
            deduplicated=round(max(0.0, 1 - sizes.stored / named), 4) if named else 0.0,
            unpacked=sizes.row_bytes,
            reserved=sizes.pending,
            packed_objects=sizes.objects,
        )
