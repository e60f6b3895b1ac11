"""A workspace in which random programs of edits run, and from which a second one is made from scratch."""

import random
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headwater.execution import Executor, Worker
from headwater.pipelines.spec import PipelineSpec
from headwater.repos import Commit
from headwater.workspace import Workspace
from headwater.workspace.handlers import handlers

STEPS = Path(__file__).parent / "steps"
SOURCES = ("left", "right")
_LETTERS = "abc"


@dataclass
class World:
    """A workspace with two repos of source files, some pipelines, and an executor to run them on."""

    workspace: Workspace
    executor: Executor
    folder: Path
    pipelines: dict[str, dict[str, Any]] = field(default_factory=dict)
    editions: dict[str, int] = field(default_factory=dict)

    def define(self, name: str, document: dict[str, Any], edition: int) -> None:
        """Creates a pipeline, or gives it another version."""
        code = self.folder / f"{name}-{edition}"
        if not code.exists():
            shutil.copytree(STEPS, code, ignore=shutil.ignore_patterns("__pycache__"))
            text = (code / "steps.py").read_text().replace("EDITION = 1", f"EDITION = {edition}")
            (code / "steps.py").write_text(text)
        spec = {**document, "transform": {"function": "steps:work", "code": str(code)}}
        if name in self.pipelines:
            self.workspace.pipelines.update_all(spec, allow_empty=True)
        else:
            self.workspace.pipelines.create(spec, allow_empty=True)
        self.pipelines[name], self.editions[name] = document, edition

    def put(self, changes: Mapping[str, Mapping[str, str | None]]) -> None:
        """Commits changes to one or both sources, as one set."""
        with self.workspace.transaction() as transaction:
            for repo, files in changes.items():
                on = transaction.repo(f"{repo}@main")
                for path, text in files.items():
                    if text is None:
                        on.delete(f"/{path}")
                    else:
                        on.put(f"/{path}", text)

    def work(self) -> None:
        """Runs all there is to run."""
        parts = self.workspace._parts  # noqa: SLF001 - a worker of a thread of this process
        Worker(parts.queue, handlers(parts, self.executor, processes=2), parts.clock).run(idle_exit_s=0)

    def files(self, repo: str) -> dict[str, str]:
        """Returns the files at the head of a repo."""
        return self.texts(self.workspace.repo(repo).at("main").commit)

    def head(self, repo: str) -> Commit | None:
        """Returns the head of a repo; none where it has none."""
        parts = self.workspace._parts  # noqa: SLF001
        with parts.catalog.read() as conn:
            head = parts.repos.head(conn, repo, "main")
        return None if head is None else parts.repos.commit_by_id(head)

    def root(self, name: str) -> bytes | None:
        """Returns the root hash of a repo's head; none where it has none."""
        head = self.head(name)
        return None if head is None else self.workspace._parts.repos.view(head).tree.root_hash  # noqa: SLF001

    def made_of(self, head: Commit) -> list[Commit]:
        """Returns the commits that a head names as its inputs."""
        parts = self.workspace._parts  # noqa: SLF001
        return [parts.repos.commit_by_id(entry.id) for entry in head.provenance if entry.kind == "commit"]

    def texts(self, commit: Commit) -> dict[str, str]:
        """Returns the files of a commit."""
        view = self.workspace._parts.repos.view(commit)  # noqa: SLF001
        return {entry.path: view.read(entry.path).decode() for entry in view.tree.entries()}

    def spec(self, name: str) -> PipelineSpec:
        """Returns the spec of a pipeline as the engine has it."""
        from headwater.pipelines import store

        parts = self.workspace._parts  # noqa: SLF001
        with parts.catalog.read() as conn:
            row = store.find_pipeline(conn, name)
            assert row is not None
            return store.spec_of(conn, row.id, row.version)

    def sources_of(self, commit: Commit) -> dict[str, set[str]]:
        """Returns, for each source, the commits of it that something was made of, however far back."""
        found: dict[str, set[str]] = {}
        waiting = [commit]
        while waiting:
            one = waiting.pop()
            if one.repo in SOURCES:
                found.setdefault(one.repo, set()).add(one.id)
                continue
            waiting += self.made_of(one)
        return found


@contextmanager
def world(folder: Path, executor: Executor, *, objects: str | None = None) -> Iterator[World]:
    """Opens an empty one, whose objects lie in its folder unless said otherwise."""
    folder.mkdir()
    with Workspace.create(str(folder / "workspace"), objects=objects) as workspace:
        for name in SOURCES:
            workspace.create_repo(name)
        yield World(workspace, executor, folder)


def random_files(chance: random.Random, count: int) -> dict[str, str]:
    """Returns paths and texts; some paths lie in folders."""
    paths = {
        f"{chance.choice(_LETTERS)}-{chance.randrange(4)}.txt"
        if chance.random() < 0.8
        else f"{chance.choice(_LETTERS)}-dir/{chance.randrange(3)}.txt"
        for _ in range(count)
    }
    return {path: str(chance.randrange(5)) for path in sorted(paths)}


def random_edit(chance: random.Random, files: Mapping[str, str], *, poison: float) -> dict[str, str | None]:
    """Returns a few changes to files: new ones, other texts, deletions, moves; some of them poisoned."""
    edit: dict[str, str | None] = {}
    for _ in range(chance.randrange(1, 4)):
        kind = chance.choice(("add", "change", "delete", "move"))
        known = [path for path in files if path not in edit]
        if kind == "add" or len(known) < 3:
            edit |= random_files(chance, 1)
            continue
        path = chance.choice(known)
        edit[path] = "POISON" if chance.random() < poison else str(chance.randrange(5))
        if kind in ("delete", "move"):
            edit[path] = None
        if kind == "move":
            edit |= {other: files[path] for other in random_files(chance, 1) if other != path}
    return edit


def random_input(chance: random.Random, repos: list[str], *, depth: int = 0) -> dict[str, Any]:
    """Returns an input over some of the repos, with names that its kind of combination allows."""
    kind = chance.choice(
        ("files", "files", "folders", "whole", "cross", "union", "join", "outer", "group", "nested")
    )
    one, two = chance.choice(repos), chance.choice(repos)
    if kind in ("files", "folders", "whole"):
        return _leaf("x", one, {"files": "/*.txt", "folders": "/*", "whole": "/"}[kind])
    if kind == "cross":
        return {"cross": [_leaf("x", one, "/*"), _leaf("y", two, "/")]}
    if kind == "union":
        return {"union": [_leaf("x", one, "/a*"), _leaf("x", two, "/*.txt")]}
    if kind in ("join", "outer"):
        outer = {"outer_join": True} if kind == "outer" else {}
        left = _leaf("x", one, "/(*)-*", join_on="$1", **(outer if chance.random() < 0.7 else {}))
        return {"join": [left, _leaf("y", two, "/(*)-*", join_on="$1", **outer)]}
    if kind == "group":
        return {
            "group": [_leaf("x", one, "/(*)-*", group_by="$1"), _leaf("y", two, "/*-(*).txt", group_by="$1")]
        }
    if depth:
        return _leaf("x", one, "/*")
    inner = random_input(chance, repos, depth=1)
    return {"cross": [inner, _leaf("z", two, "/a*")]}


def _leaf(name: str, repo: str, glob: str, **more: Any) -> dict[str, Any]:
    return {"files": {"name": name, "repo": repo, "glob": glob, **more}}


def read_repos(document: Mapping[str, Any]) -> set[str]:
    """Returns the repos that an input of `random_input` reads."""
    found = set()
    for key, value in document.items():
        if key == "files":
            found.add(str(value["repo"]))
        else:
            for child in value:
                found |= read_repos(child)
    return found
