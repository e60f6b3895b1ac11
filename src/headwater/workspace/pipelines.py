"""The pipelines of a workspace, from whatever describes them: a function, a mapping, a file, a text."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from headwater.api.documents import JobInfo, Listing, PipelineInfo, PlanInfo, PlanRow
from headwater.api.html import table_html
from headwater.errors import InvalidInput
from headwater.pipelines.errors import PipelineNotFound
from headwater.workspace.parts import Parts

if TYPE_CHECKING:
    from headwater.pipelines.engine import Preview
    from headwater.pipelines.spec import LoadedSpec
    from headwater.pipelines.spec.loading import Source
    from headwater.workspace.shell import Shell

Hear = Callable[[str], object]
_MOST_DRAWN = 60


def _unheard(_: str) -> None:
    """Hears what a spec's author should know, and does nothing with it."""


class WorkspacePipelines:
    """The pipelines; each verb is one call into the floor that does it."""

    def __init__(self, parts: Parts) -> None:
        """Takes the parts of the workspace."""
        self._parts = parts

    def create(
        self, source: "Source", *, code: str | None = None, local: bool = False, allow_empty: bool = False
    ) -> PipelineInfo:
        """Creates a pipeline, and starts its first job where its inputs have something to read.

        Args:
            source: A function under `@headwater.pipeline`, a mapping, a file's path, or a text in YAML or JSON.
            code: The folder of its code, instead of what the source says.
            local: Leave out images: commands run on the worker itself.
            allow_empty: Also where a glob matches nothing of what is there.

        Raises:
            InvalidSpec: The spec has mistakes; all are named.
            PipelineExists: There is one of this name.
        """
        return self._parts.pipelines.create(_only(source, code, local=local), allow_empty=allow_empty)

    def create_all(
        self,
        *sources: "Source",
        code: str | None = None,
        local: bool = False,
        allow_empty: bool = False,
        hear: Hear = _unheard,
    ) -> list[PipelineInfo]:
        """Creates the pipelines of one or more sources, each of which may hold several, in their order.

        All of them are created, or none.

        Args:
            sources: What describes them.
            code: The folder of their code, instead of what the sources say.
            local: Leave out images.
            allow_empty: Also where a glob matches nothing of what is there.
            hear: Told what has no effect here, such as a field of a Pachyderm spec.
        """
        loaded = _loaded(sources, code, local=local, hear=hear)
        return self._parts.pipelines.create_all(loaded, allow_empty=allow_empty)

    def update(
        self, source: "Source", *, reprocess: bool = False, code: str | None = None, local: bool = False
    ) -> PipelineInfo:
        """Gives a pipeline a new version; with `reprocess`, every datum runs again.

        Raises:
            InvalidSpec: The spec has mistakes; all are named.
            PipelineNotFound: There is none of this name.
        """
        return self._parts.pipelines.update(_only(source, code, local=local), reprocess=reprocess)

    def update_all(
        self,
        *sources: "Source",
        reprocess: bool = False,
        code: str | None = None,
        local: bool = False,
        allow_empty: bool = False,
        hear: Hear = _unheard,
    ) -> list[PipelineInfo]:
        """Gives the pipelines of one or more sources new versions: all of them, or none.

        Args:
            sources: What describes them.
            reprocess: Forget all results, so that every datum runs again.
            code: The folder of their code, instead of what the sources say.
            local: Leave out images.
            allow_empty: Also where a glob matches nothing of what is there.
            hear: Told what has no effect here, such as a field of a Pachyderm spec.

        Raises:
            InvalidSpec: Specs have mistakes; all of all of them are named.
            PipelineNotFound: There is none of a name.
        """
        loaded = _loaded(sources, code, local=local, hear=hear)
        return self._parts.pipelines.update_all(loaded, reprocess=reprocess, allow_empty=allow_empty)

    def list(self) -> Listing[PipelineInfo]:
        """Returns the pipelines, by name."""
        return Listing([*self._parts.pipelines.list()])

    def _repr_html_(self) -> str:
        found = list(self._parts.pipelines.list(limit=_MOST_DRAWN))
        rows = (
            (one.name, one.standing, ", ".join(one.inputs), one.output, one.last_state or "-")
            for one in found
        )
        if not found:
            return "<em>no pipelines yet</em>"
        from headwater.api.graph import picture_svg

        return picture_svg(found) + table_html(("pipeline", "state", "reads", "writes", "last job"), rows)

    def get(self, name: str) -> PipelineInfo:
        """Returns a pipeline.

        Raises:
            PipelineNotFound: There is none of this name.
        """
        return self._parts.pipelines.get(name)

    def spec(self, name: str) -> dict[str, Any]:
        """Returns the spec of a pipeline, as a file would say it.

        Raises:
            PipelineNotFound: There is none of this name.
        """
        return self._parts.pipelines.get(name).spec

    def pause(self, name: str) -> PipelineInfo:
        """Lets a pipeline, and what is downstream of it, start no more jobs."""
        return self._parts.pipelines.pause(name)

    def resume(self, name: str) -> PipelineInfo:
        """Lets a paused pipeline go on, with what has come meanwhile."""
        return self._parts.pipelines.resume(name)

    def rerun(self, name: str, *, reprocess: bool = False) -> JobInfo:
        """Starts a job at the present heads of the inputs; with `reprocess`, every datum runs again."""
        return self._parts.pipelines.rerun(name, reprocess=reprocess)

    def run(self, name: str, *, at: Mapping[str, str] | None = None, branch: str | None = None) -> JobInfo:
        """Starts a job on other commits than the newest, whose result gets a branch of its own.

        Args:
            name: The pipeline.
            at: What inputs read, by their names, as refs.
            branch: The branch that gets the result.
        """
        return self._parts.pipelines.run(name, at=dict(at or {}), branch=branch)

    def tick(self, name: str) -> JobInfo | None:
        """Lets the clock of a pipeline's cron input tick now."""
        return self._parts.pipelines.tick(name)

    def delete(self, name: str, *, keep_repo: bool = False, force: bool = False) -> PipelineInfo:
        """Deletes a pipeline, its jobs, and the repo of its results."""
        return self._parts.pipelines.delete(name, keep_repo=keep_repo, force=force)

    def plan(
        self,
        name: "Source | None" = None,
        *,
        file: "Source | None" = None,
        code: str | None = None,
        local: bool = False,
    ) -> PlanInfo:
        """Returns how many datums a job would run now, and why, without running any.

        Args:
            name: A pipeline; what is no text is a spec, such as a function under `@headwater.pipeline`.
            file: A spec instead, of a pipeline that need not exist; of several in it, the one that is named.
            code: The folder of the spec's code, instead of what it says.
            local: Leave out images.
        """
        return self._preview(name, file, code, local=local).info()

    def plan_rows(
        self,
        name: "Source | None" = None,
        *,
        file: "Source | None" = None,
        code: str | None = None,
        local: bool = False,
    ) -> Iterator[PlanRow]:
        """Yields the datums that a job would run or drop now, each with its reason."""
        return self._preview(name, file, code, local=local).rows()

    def shell(self, name: str, datum: str) -> "Shell":
        """Returns a folder with a datum's inputs and its environment, for the length of a `with` block."""
        from headwater.workspace.shell import Shell

        return Shell(self._parts, name, datum)

    def _preview(
        self, name: "Source | None", file: "Source | None", code: str | None, *, local: bool
    ) -> "Preview":
        from headwater.pipelines.engine import preview

        source = name if file is None else file
        wanted = None if file is None else name
        if source is None or not isinstance(wanted, str | None):
            raise InvalidInput("A plan is of one pipeline.", hint="Name the pipeline, or its spec with -f.")
        is_name = file is None and isinstance(source, str)
        what = str(source) if is_name else _only(source, code, local=local, wanted=wanted)
        return preview(self._parts, self._parts.kinds, what)


def _loaded(
    sources: "tuple[Source, ...]", code: str | None, *, local: bool, hear: Hear
) -> "list[LoadedSpec]":
    from headwater.pipelines.spec import load

    found = [one for source in sources for one in load(source, code=code, local=local)]
    for one in found:
        for note in one.notes:
            hear(f"{one.spec.name}: {note}")
    return found


def _only(source: "Source", code: str | None, *, local: bool, wanted: str | None = None) -> "LoadedSpec":
    """Returns the one pipeline that a source describes, or the one of them that is wanted."""
    found = _loaded((source,), code, local=local, hear=_unheard)
    names = [one.spec.name for one in found]
    if wanted is not None:
        found = [one for one in found if one.spec.name == wanted]
        if not found:
            raise PipelineNotFound(wanted, names)
    if len(found) != 1:
        raise InvalidInput(
            f"One pipeline was expected, and there are {len(found)}: {', '.join(map(repr, names))}.",
            hint="Name the one that is meant beside its file, as in `headwater pipeline plan "
            f"{names[0]} -f SPEC`; create and update take all of them, in Python create_all and update_all.",
        )
    return found[0]
