"""A workspace's catalog and objects in one folder: opened, copied, and looked at as a whole."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Repos
from headwater.storage import Storage, open_store
from tests.faults.death import Died, Life, MortalStore

Files = dict[str, bytes]


@dataclass(frozen=True)
class Opened:
    """The parts of an open place."""

    catalog: Catalog
    storage: Storage
    repos: Repos


@dataclass(frozen=True)
class Place:
    """A folder with a catalog and objects."""

    folder: Path
    life: Life

    @classmethod
    def make(cls, folder: Path, life: Life) -> "Place":
        """Makes an empty one."""
        place = cls(folder, life)
        Catalog.create(place.url).close()
        return place

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/catalog.db"

    def copy(self, name: str) -> "Place":
        """Returns another place that is as this one is now."""
        target = self.folder.parent / name
        shutil.copytree(self.folder, target)
        return Place(target, self.life)

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    @contextmanager
    def open(self) -> Iterator[Opened]:
        """Opens it as a process does that has just started."""
        catalog = Catalog.open(self.url)
        storage = Storage(catalog, MortalStore(open_store(f"file:{self.folder}/objects"), self.life))
        try:
            yield Opened(catalog, storage, Repos(catalog, storage, clock=SystemClock()))
        finally:
            with suppress(Died):
                catalog.close()

    def state(self) -> dict[str, tuple[list[str], Files]]:
        """Returns, for every branch, tag and open commit, the messages of its line of commits and its files with their bytes."""
        found: dict[str, tuple[list[str], Files]] = {}
        with self.open() as opened:
            for info in list(opened.repos.list()):
                repo = opened.repos.get(info.name, system=True)
                for number, commit in enumerate(repo.open_commits()):
                    view = repo.open_commit(commit.id).view()
                    files = {file.path: view.read(file.path) for file in view.walk("/")}
                    found[f"{repo.name} open {number}"] = ([commit.message], files)
                for ref in [*repo.branches(), *repo.tags()]:
                    if ref.commit is None:
                        found[f"{repo.name}@{ref.name}"] = ([], {})
                        continue
                    view = repo.at(ref.commit)
                    log = [commit.message for commit in repo.log(ref.commit, limit=100).items]
                    files = {file.path: view.read(file.path) for file in view.walk("/")}
                    found[f"{repo.name}@{ref.name}"] = (log, files)
        return found

    def damages(self) -> list[str]:
        """Returns what is not as it should be; an object that nothing names yet is none."""
        with self.open() as opened:
            found = opened.storage.check([opened.repos.roots])
            return [f"{one.kind}: {one.what}" for one in found if one.is_damage]
