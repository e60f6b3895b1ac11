"""Reads the inputs of a spec that was written for Pachyderm, of either era."""

from collections.abc import Mapping, Sequence
from typing import Any

from headwater.pipelines.spec import checks, units
from headwater.pipelines.spec.document import Place
from headwater.pipelines.spec.fields import Fields, Reading, a_kind, snake
from headwater.pipelines.spec.foreign import PFS_REFUSED
from headwater.pipelines.spec.own_inputs import COMPOSITES, checked_trigger
from headwater.pipelines.spec.shapes import BranchTrigger, CronInput, CrossInput, FilesInput, Input

_FILES = ("pfs", "atom")
KINDS = (*_FILES, "cron", *COMPOSITES)
PFS = (
    *("project", "name", "repo", "repo_type", "branch", "commit", "glob", "join_on", "outer_join"),
    *("group_by", "lazy", "empty_files", "trigger", "propagation_spec", "reference", *PFS_REFUSED),
)
_TRIGGER = ("branch", "all", "commits", "size", "cron_spec", "rate_limit_spec")
_GIT = "the source of code is no input here: put the files into a repo with `headwater put`"
_DEFAULT_BRANCH = "master"


class PachydermInputs:
    """Reads inputs, and remembers where each of their nodes was written."""

    def __init__(self, reading: Reading, pipeline: str, *, for_function: bool) -> None:
        """Takes what the pipeline is called, and whether its inputs are parameters."""
        self._reading, self._pipeline, self._for_function = reading, pipeline, for_function
        self.places: dict[str, Place] = {}

    def read(self, value: Any, place: Place, path: str = "input") -> Input | None:
        """Returns an `input` with all below it; none where it has a mistake."""
        named = (
            {snake(str(key)): (key, inner) for key, inner in value.items() if inner is not None}
            if isinstance(value, Mapping)
            else {}
        )
        if "git" in named:
            self._reading.mistake((*place, "git"), _GIT)
            return None
        if len(named) != 1 or next(iter(named)) not in KINDS:
            found = (
                ", ".join(named) if named else a_kind(value) if not isinstance(value, Mapping) else "nothing"
            )
            self._reading.mistake(place, f"one of {', '.join(KINDS)} is expected, not {found}")
            return None
        kind, (written, inner) = next(iter(named.items()))
        below = (*place, str(written))
        if kind in _FILES:
            self.places[path] = below
            return self._files(inner, below)
        if kind == "cron":
            self.places[path] = below
            return self._cron(inner, below)
        self.places[path] = place
        if not isinstance(inner, Sequence) or isinstance(inner, str):
            self._reading.mistake(below, f"a list of inputs is expected, not {a_kind(inner)}")
            return None
        read = [self.read(one, (*below, at), f"{path}.{kind}[{at}]") for at, one in enumerate(inner)]
        children = tuple(one for one in read if one is not None)
        return COMPOSITES[kind](children) if len(children) == len(read) else None

    def read_list(self, value: Any, place: Place) -> Input | None:
        """Returns the `inputs` of the first era: a cross of them all."""
        if not isinstance(value, Sequence) or isinstance(value, str):
            self._reading.mistake(place, f"a list of inputs is expected, not {a_kind(value)}")
            return None
        if len(value) == 1:
            self.places["input"] = (*place, 0)
            return self._files(value[0], (*place, 0))
        read = []
        self.places["input"] = place
        for at, one in enumerate(value):
            self.places[f"input.cross[{at}]"] = (*place, at)
            read.append(self._files(one, (*place, at)))
        children = tuple(one for one in read if one is not None)
        return CrossInput(children) if children and len(children) == len(read) else None

    def _files(self, value: Any, place: Place) -> Input | None:
        fields = Fields(self._reading, value, place, PFS, camel=True)
        if "repo" not in fields:
            if isinstance(value, Mapping):
                self._reading.mistake(place, "`repo` is missing: which repo are the files in?")
            return None
        for name, message in PFS_REFUSED.items():
            if fields.raw(name):
                fields.mistake(name, message)
        refuse_project(fields)
        if fields.text("repo_type", "user") != "user":
            fields.mistake("repo_type", "only repos of files can be read: leave it out")
        if isinstance(fields.raw("propagation_spec"), Mapping) and fields.raw("propagation_spec").get(
            "never"
        ):
            fields.mistake(
                "propagation_spec",
                "a single input cannot be left unfollowed: write `follow: false` for the pipeline",
            )
        written = self._repo(fields)
        repo = adopted_name(self._reading, fields.at("repo"), written)
        branch = fields.text("branch", read=default_branch(self._reading, fields.at("branch"))) or "main"
        return FilesInput(
            name=fields.text("name", read=checks.input_name)
            or (checks.default_name(repo, for_function=True) if self._for_function else written),
            repo=repo,
            branch=branch,
            glob=fields.text("glob") or "/",
            commit=fields.text("commit", read=checks.commit_id) or None,
            reference=fields.flag("reference"),
            lazy=fields.flag("lazy"),
            empty_files=fields.flag("empty_files"),
            join_on=fields.text("join_on"),
            outer_join=fields.flag("outer_join"),
            group_by=fields.text("group_by"),
            trigger=self._trigger(fields, branch) if fields.raw("trigger") else None,
        )

    def _repo(self, fields: Fields) -> str:
        """Returns the repo's name: a text, or in the first era a mapping with one."""
        if isinstance(fields.raw("repo"), Mapping):
            return fields.section("repo", ("name", "type", "project"), camel=True).text("name")
        return fields.text("repo")

    def _trigger(self, fields: Fields, branch: str) -> BranchTrigger | None:
        inner = fields.section("trigger", _TRIGGER, camel=True)
        cron = "rate_limit_spec" if "rate_limit_spec" in inner else "cron_spec"
        trigger = BranchTrigger(
            branch=inner.text("branch", read=default_branch(self._reading, inner.at("branch"))),
            commits=inner.whole("commits"),
            size=inner.measured("size", units.size_bytes, 0),
            cron=inner.text(cron, read=units.schedule) if inner.raw(cron) else "",
            all=inner.flag("all"),
        )
        return checked_trigger(fields, trigger, branch)

    def _cron(self, value: Any, place: Place) -> Input | None:
        known = ("name", "project", "repo", "repo_type", "commit", "spec", "start", "overwrite")
        fields = Fields(self._reading, value, place, known, camel=True)
        if "spec" not in fields:
            if isinstance(value, Mapping):
                self._reading.mistake(place, "`spec` is missing: when does it tick?")
            return None
        refuse_project(fields)
        name = fields.text("name", "tick", read=checks.input_name)
        repo = fields.text("repo")
        return CronInput(
            name=name,
            schedule=fields.text("spec", read=units.schedule),
            repo=adopted_name(self._reading, fields.at("repo"), repo)
            if repo
            else checks.tick_repo(self._pipeline, name),
            start=fields.text("start", read=units.moment) if fields.raw("start") else "",
            overwrite=fields.flag("overwrite"),
        )


def adopted_name(reading: Reading, place: Place, name: str) -> str:
    """Returns a repo's or pipeline's name as it is called here, and notes where that differs."""
    plain = checks.plain_name(name) if name else name
    if plain != name:
        reading.note(
            place, f"{name!r} is called {plain!r} here: names have lower-case letters, digits and -."
        )
    return reading.tried(place, checks.repo_name, plain, "x")


def default_branch(reading: Reading, place: Place) -> Any:
    """Returns a reader of branches, for which Pachyderm's default branch is the one that is the default here."""

    def read(name: str) -> str:
        if name == _DEFAULT_BRANCH:
            reading.note(place, "`master`, the default branch there, is `main` here.")
            return "main"
        return checks.branch_name(name) if name else ""

    return read


def refuse_project(fields: Fields) -> None:
    """Keeps a mistake where another project than the default one is named."""
    project = fields.raw("project")
    named = project.get("name") if isinstance(project, Mapping) else project
    if named not in {None, "", "default"}:
        fields.mistake(
            "project",
            f"there are no projects here: leave {named!r} out, and open a workspace of its own for it",
        )
