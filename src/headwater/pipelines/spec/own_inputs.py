"""Reads the `input` of a spec in Headwater's own form."""

from collections.abc import Mapping, Sequence
from typing import Any

from headwater.pipelines.spec import checks, units
from headwater.pipelines.spec.document import Document, Place
from headwater.pipelines.spec.fields import Fields, Reading, a_kind, refuse
from headwater.pipelines.spec.shapes import (
    BranchTrigger,
    CronInput,
    CrossInput,
    FilesInput,
    GroupInput,
    Input,
    JoinInput,
    UnionInput,
)

COMPOSITES: dict[str, type[CrossInput | UnionInput | JoinInput | GroupInput]] = {
    "cross": CrossInput,
    "union": UnionInput,
    "join": JoinInput,
    "group": GroupInput,
}
KINDS = ("files", "cron", *COMPOSITES)
FILES = (
    *("name", "repo", "branch", "glob", "commit", "reference", "lazy", "empty_files"),
    *("join_on", "outer_join", "group_by", "trigger"),
)
CRON = ("name", "schedule", "spec", "repo", "start", "overwrite")
TRIGGER = ("branch", "commits", "size", "cron", "all")


class OwnInputs:
    """Reads inputs, and remembers where each of their nodes was written."""

    def __init__(self, reading: Reading, pipeline: str, *, for_function: bool) -> None:
        """Takes what the pipeline is called, and whether its inputs are parameters."""
        self._reading, self._pipeline, self._for_function = reading, pipeline, for_function
        self.places: dict[str, Place] = {}

    def read(self, value: Any, place: Place, path: str = "input") -> Input | None:
        """Returns an input with all below it; none where it has a mistake."""
        if isinstance(value, Mapping) and "input" in value and isinstance(value["input"], Mapping):
            self._reading.mistake(place, "write what stands below its `input` here")
            return None
        if not isinstance(value, Mapping) or len(value) != 1 or next(iter(value)) not in KINDS:
            self._reading.mistake(place, self._not_one(value))
            return None
        kind, inner = next(iter(value.items()))
        place = (*place, kind)
        if kind == "files":
            self.places[path] = place
            return self._files(inner, place)
        if kind == "cron":
            self.places[path] = place
            return self._cron(inner, place)
        self.places[path] = place[:-1]
        if isinstance(inner, str) or not isinstance(inner, Sequence):
            named = (
                isinstance(inner, Mapping)
                and len(inner) == 1
                and isinstance(next(iter(inner.values())), list)
            )
            told = f"a {kind} has no name: give it without one" if named else f"not {a_kind(inner)}"
            self._reading.mistake(place, f"a list of inputs is expected; {told}")
            return None
        read = [self.read(one, (*place, at), f"{path}.{kind}[{at}]") for at, one in enumerate(inner)]
        children = tuple(one for one in read if one is not None)
        return COMPOSITES[kind](children) if len(children) == len(read) else None

    def _files(self, value: Any, place: Place) -> Input | None:
        fields = Fields(self._reading, {"repo": value} if isinstance(value, str) else value, place, FILES)
        if "repo" not in fields:
            if isinstance(value, Mapping):
                self._reading.mistake(place, "`repo` is missing: which repo are the files in?")
            return None
        repo, _, what = fields.text("repo").partition("@")
        is_commit = len(what) == 32 and all(sign in "0123456789abcdef" for sign in what)
        if what and ("branch" in fields or "commit" in fields):
            fields.mistake(
                "repo",
                f"names {what!r} behind the @, and there is another branch or commit: write one of them",
            )
        branch = fields.text("branch", "main", read=checks.branch_name)
        if what and not is_commit:
            branch = self._reading.tried(fields.at("repo"), checks.branch_name, what, branch)
        commit = what if is_commit else fields.text("commit", read=checks.commit_id) or None
        return FilesInput(
            name=fields.text("name", read=checks.input_name)
            or checks.default_name(repo, for_function=self._for_function),
            repo=self._reading.tried(fields.at("repo"), checks.repo_name, repo, "x"),
            branch=branch,
            glob=fields.text("glob", "/"),
            commit=commit,
            reference=fields.flag("reference"),
            lazy=fields.flag("lazy"),
            empty_files=fields.flag("empty_files"),
            join_on=fields.text("join_on"),
            outer_join=fields.flag("outer_join"),
            group_by=fields.text("group_by"),
            trigger=_trigger(fields, branch) if "trigger" in fields else None,
        )

    def _cron(self, value: Any, place: Place) -> Input | None:
        fields = Fields(self._reading, {"schedule": value} if isinstance(value, str) else value, place, CRON)
        if "schedule" in fields and "spec" in fields:
            fields.mistake("spec", "says the same as `schedule`: write one of them")
        field = "spec" if "spec" in fields else "schedule"
        if field not in fields:
            if isinstance(value, Mapping):
                self._reading.mistake(place, "`schedule` is missing: when does it tick?")
            return None
        name = fields.text("name", "tick", read=checks.input_name)
        return CronInput(
            name=name,
            schedule=fields.text(field, read=units.schedule),
            repo=fields.text("repo", read=checks.repo_name) or checks.tick_repo(self._pipeline, name),
            start=fields.text("start", read=units.moment),
            overwrite=fields.flag("overwrite"),
        )

    def _not_one(self, value: Any) -> str:
        if isinstance(value, Mapping):
            unknown = [str(one) for one in value if one not in KINDS]
            if unknown and set(unknown) <= set(FILES):
                return f"write files: {{{', '.join(unknown)}: …}}"
            if len(value) > 1 and not unknown:
                return f"holds {' and '.join(map(str, value))} beside one another: put them into a cross, union, join or group"
        else:
            unknown = [a_kind(value)]
        return f"one of {', '.join(KINDS)} is expected, not {', '.join(unknown) or 'nothing'}"


def checked_trigger(fields: Fields, trigger: BranchTrigger, branch: str) -> BranchTrigger | None:
    """Returns a trigger that says when it fires, and follows another branch."""
    if not trigger.branch:
        fields.mistake("trigger", "`branch` is missing: which branch is followed?")
        return None
    if trigger.branch == branch:
        fields.mistake(
            "trigger", f"follows {branch!r}, the branch that is read: name the branch that is committed to"
        )
        return None
    if not (trigger.commits or trigger.size or trigger.cron):
        fields.mistake("trigger", "never fires: give `commits`, `size` or `cron`")
        return None
    return trigger


def read_trigger(value: Mapping[str, Any], branch: str) -> BranchTrigger:
    """Returns the trigger that lets a branch follow another one, as a mapping of its fields describes it.

    Raises:
        InvalidSpec: There are mistakes; `details` names each.
    """
    document = {"trigger": {"branch": "", **value}}
    reading = Reading(Document(document))
    trigger = _trigger(Fields(reading, document, (), ("trigger",)), branch)
    _name_as_given(reading)
    refuse([reading], what=f"The trigger of the branch {branch!r}", hint=_HINT)
    assert trigger is not None, "one without mistakes is a trigger"
    return trigger


_HINT = (
    "A trigger is the branch to follow (`--trigger`) and when: after so many `--commits`, after so much `--size`,"
    " at the times of `--cron`; or a mapping with `branch`, `commits`, `size` and `cron`."
)


def _name_as_given(reading: Reading) -> None:
    """Names fields as whoever gave them did, who has written no spec; one that is wrong says enough of when it fires."""
    for one in reading.mistakes:
        one["field"] = one["field"].removeprefix("trigger.")
    if any(one["field"] in ("commits", "size", "cron") for one in reading.mistakes):
        reading.mistakes[:] = [one for one in reading.mistakes if one["field"] != "trigger"]


def _trigger(fields: Fields, branch: str) -> BranchTrigger | None:
    inner = fields.section("trigger", TRIGGER)
    trigger = BranchTrigger(
        branch=inner.text("branch", read=lambda text: checks.branch_name(text) if text else ""),
        commits=inner.whole("commits"),
        size=inner.measured("size", units.size_bytes, 0),
        cron=inner.text("cron", read=units.schedule),
        all=inner.flag("all"),
    )
    return checked_trigger(fields, trigger, branch)
