"""The workspace: a door to every noun, each verb one call into the floor that does it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from headwater.api.documents import (
    BranchInfo,
    CommitInfo,
    DiffRow,
    EndpointInfo,
    EnvironmentInfo,
    FileInfo,
    JobInfo,
    Listing,
    ModelInfo,
    PromotionInfo,
    RepoInfo,
    VersionInfo,
    WhyStep,
    WorkspaceInfo,
)
from headwater.clock import Clock, SystemClock
from headwater.db import Catalog
from headwater.errors import AlreadyExists, InvalidInput
from headwater.ids import random_id
from headwater.pipelines import Jobs
from headwater.repos import Repo, View, parse_ref
from headwater.settings import CONFIG, folder_of, locate, make_folder, read_config, write_config
from headwater.telemetry import Progress, Silent, log_from
from headwater.workspace.errors import WorkspaceExists
from headwater.workspace.parts import Parts

if TYPE_CHECKING:
    from headwater.access import Tokens
    from headwater.workspace.model import Model
    from headwater.workspace.serving import Serving
    from headwater.workspace.training import Training

_CLOCK = SystemClock()
_SILENT = Silent()


def open_workspace(url: str | Path | None = None, *, create: bool = False) -> "Workspace":
    """Opens the workspace at a URL, else that of the environment, else the nearest one upward.

    Args:
        url: A folder; with none it is looked for as the command line does.
        create: Make it where there is none.

    Raises:
        NotFound: There is no workspace.
        VersionMismatch: It was made by a newer Headwater.
    """
    text = None if url is None else str(url)
    if create and text is not None and not (folder_of(text) / CONFIG).is_file():
        return Workspace.create(text)
    return Workspace.open(text)


class Workspace:
    """An open workspace; a context manager that closes it."""

    def __init__(self, parts: Parts) -> None:
        """Takes the parts; `create` and `open` are the ways in."""
        self._parts = parts

    @classmethod
    def create(cls, url: str, *, clock: Clock = _CLOCK) -> Self:
        """Makes a workspace in a folder.

        Raises:
            WorkspaceExists: There is one already.
        """
        folder = folder_of(url)
        if (folder / CONFIG).exists():
            raise WorkspaceExists(str(folder.parent))
        make_folder(folder)
        # The settings come last: without them there is no workspace, and making it can be tried again.
        with suppress(AlreadyExists):
            Catalog.create(_catalog_url(folder, "catalog.db"), clock=clock).close()
        write_config(folder, random_id())
        return cls.open(url, clock=clock)

    @classmethod
    def open(cls, url: str | None = None, *, clock: Clock = _CLOCK) -> Self:
        """Opens a workspace; see `open_workspace`."""
        folder = locate(url)
        config = read_config(folder)
        catalog = Catalog.open(_catalog_url(folder, config.catalog), clock=clock)
        return cls(Parts(folder, config, catalog, clock))

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
            stored = parts.storage.stats(conn)
        return WorkspaceInfo(
            url=str(parts.folder.parent),
            catalog=parts.catalog.url,
            objects=parts.objects_url,
            version=version("headwater"),
            repos=len(repos),
            size=sum(repo.size for repo in repos),
            stored=stored,
        )

    # --- repos and files ---

    def repo(self, name: str, *, create: bool = False) -> Repo:
        """Returns a repo; with `create`, a new one.

        Raises:
            RepoNotFound: There is none, and none is to be made.
        """
        repos = self._parts.repos
        return repos.create(name) if create and not repos.exists(name) else repos.get(name)

    def create_repo(self, name: str) -> Repo:
        """Makes a repo.

        Raises:
            RepoExists: There is one of this name.
        """
        return self._parts.repos.create(name)

    def repos(self) -> Iterator[RepoInfo]:
        """Yields all repos by name."""
        return self._parts.repos.list()

    def put(
        self,
        target: str,
        sources: Sequence[str],
        *,
        message: str = "",
        append: bool = False,
        progress: Progress = _SILENT,
    ) -> CommitInfo:
        """Commits files, folders or stdin of this machine to `REPO@BRANCH[:/PATH]`."""
        from headwater.workspace.files import check_sources, put_sources

        ref = parse_ref(target)
        repo = self._parts.repos.get(ref.repo)
        check_sources(sources, ref.path)
        with repo.commit(ref.what, message=message) as commit:
            put_sources(commit, sources, ref.path, append=append, progress=progress)
        return self._parts.repos.commit_by_id(commit.id).info()

    def get(self, ref: str, to: Path, *, progress: Progress = _SILENT) -> str:
        """Copies a file or folder of a commit to a place of this machine that does not exist yet."""
        from headwater.workspace.files import copy_out

        view, path = self._view(ref)
        return str(copy_out(view, path or "/", to, progress))

    def cat(self, ref: str) -> Iterator[bytes]:
        """Yields the bytes of a file of a commit."""
        view, path = self._view(ref)
        if path is None:
            raise InvalidInput(f"{ref!r} names no file.", hint="Write REPO@WHAT:/PATH.")
        with view.open(path) as source:
            while piece := source.read(1 << 20):
                yield piece

    def ls(self, ref: str) -> Iterator[FileInfo]:
        """Yields what stands in a folder of a commit."""
        view, path = self._view(ref)
        return view.list(path or "/")

    def log(self, ref: str, *, limit: int = 50, cursor: str | None = None) -> Listing[CommitInfo]:
        """Returns a page of commits, newest first."""
        parsed = parse_ref(ref)
        return self._parts.repos.get(parsed.repo).log(parsed.what, limit=limit, after=cursor)

    def diff(self, old: str, new: str) -> Iterator[DiffRow]:
        """Yields what differs between two commits of one repo."""
        before, after = parse_ref(old), parse_ref(new)
        if before.repo != after.repo:
            raise InvalidInput(
                f"{old!r} and {new!r} are of two repos.",
                hint="Compare commits of one repo: REPO@A and REPO@B.",
            )
        return self._parts.repos.get(before.repo).diff(before.what, after.what)

    def create_branch(self, ref: str, *, at: str | None = None) -> BranchInfo:
        """Makes a branch, at a commit of the same repo or empty."""
        parsed = parse_ref(ref)
        return self._parts.repos.get(parsed.repo).create_branch(parsed.what, _within(parsed.repo, at))

    def create_tag(self, ref: str, *, at: str) -> BranchInfo:
        """Makes a tag at a commit of the same repo."""
        parsed = parse_ref(ref)
        what = _within(parsed.repo, at)
        assert what is not None, "a tag always names a commit"
        return self._parts.repos.get(parsed.repo).create_tag(parsed.what, what)

    def why(self, ref: str) -> list[WhyStep]:
        """Returns the way from a commit, file, version or prediction back to what made it."""
        from headwater.workspace.why import explain

        return explain(self._parts, ref)

    # --- jobs and training ---

    @property
    def jobs(self) -> Jobs:
        """The jobs of all pipelines."""
        return self._parts.jobs

    @property
    def requests(self) -> Jobs:
        """The training requests."""
        return self._parts.requests

    def train(self, request: Path | str | Mapping[str, Any] | None = None, **fields: Any) -> "Training":
        """Sends a training request: a file, a text, or fields as keywords.

        Raises:
            InvalidRequest: The request has mistakes; all are named.
            InvalidData: The data cannot be used as asked.
        """
        from headwater.training import read_request, read_request_file
        from headwater.workspace.training import Training

        read = (
            read_request_file(request)
            if isinstance(request, Path)
            else read_request(fields if request is None else request)
        )
        return Training(self._parts, self._parts.training.submit(read), read.model)

    def follow(self, job: JobInfo, progress: Progress = _SILENT) -> JobInfo:
        """Waits for a job and what it set in motion; starts a worker when none is at work."""
        from headwater.workspace.training import follow

        return follow(self._parts, job, progress)

    def work(self, *, idle_exit_s: float | None = None, processes: int = 0, executor: str = "local") -> None:
        """Takes tasks from the queue, in this process, until told to stop."""
        from headwater.workspace.running import work

        work(self._parts, idle_exit_s=idle_exit_s, processes=processes, executor=executor)

    def stop_workers(self) -> None:
        """Ends the workers of this machine; what they were at goes to the next ones."""
        from headwater.workspace.running import stop_workers

        stop_workers(self._parts)

    # --- models ---

    def models(self) -> Listing[ModelInfo]:
        """Returns the models."""
        return self._parts.registry.models()

    def model(self, ref: str) -> "Model":
        """Returns a version of a model: `iris@7`, `iris@prod`, or `iris` for the newest."""
        from headwater.workspace.model import Model

        return Model(self._parts, ref if "@" in ref else f"{ref}@latest")

    def versions(self, model: str, *, limit: int = 50, cursor: str | None = None) -> Listing[VersionInfo]:
        """Returns a page of a model's versions, newest first."""
        return self._parts.registry.versions(model, limit=limit, after=cursor)

    def environments(self) -> list[EnvironmentInfo]:
        """Returns the environments, in the order in which versions pass through them."""
        return [one.info() for one in self._parts.registry.environments()]

    def create_environment(self, name: str, *, before: str | None = None) -> EnvironmentInfo:
        """Makes an environment, in front of another one or behind all."""
        return self._parts.registry.create_environment(name, before=before).info()

    def promote(self, ref: str, environment: str, *, by: str = "") -> PromotionInfo:
        """Brings a version into an environment, through its gates.

        Raises:
            GateFailed: A gate did not pass; `details` has every one that failed.
        """
        return self._parts.registry.promote(ref, environment, by=by)

    def rollback(self, model: str, environment: str, *, by: str = "") -> PromotionInfo:
        """Brings an environment back to the version before."""
        return self._parts.registry.rollback(model, environment, by=by)

    def promotions(self, model: str) -> Listing[PromotionInfo]:
        """Returns the attempts to promote versions of a model, newest first, refused ones too."""
        return self._parts.registry.promotions(model=model)

    # --- serving ---

    @property
    def tokens(self) -> "Tokens":
        """The tokens that open endpoints."""
        return self._parts.tokens

    def serve(
        self,
        models: Sequence[str],
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        ready: Callable[[Listing[EndpointInfo]], None],
    ) -> None:
        """Serves models of environments until told to stop; `ready` hears where."""
        from headwater.workspace.serving import Serving

        log_from("info")
        Serving(self._parts, models, host=host, port=port).run(ready)

    def serve_in_background(
        self, models: Sequence[str], *, host: str = "127.0.0.1", port: int = 0
    ) -> "Serving":
        """Returns a server that answers while its `with` block runs."""
        from headwater.workspace.serving import Serving

        return Serving(self._parts, models, host=host, port=port)

    def _view(self, ref: str) -> tuple[View, str | None]:
        parsed = parse_ref(ref)
        return self._parts.repos.get(parsed.repo).at(parsed.what), parsed.path


def _within(repo: str, ref: str | None) -> str | None:
    """Returns what a ref means within a repo; `main^` and `repo@main^` are the same there."""
    if ref is None or "@" not in ref:
        return ref
    parsed = parse_ref(ref)
    if parsed.repo != repo:
        raise InvalidInput(f"{ref!r} is a commit of another repo.", hint=f"Name one of {repo!r}.")
    return parsed.what


def _catalog_url(folder: Path, name: str) -> str:
    return f"sqlite:///{(folder / name).resolve()}"
