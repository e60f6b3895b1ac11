"""What the trusted side keeps between datum sets: contents, code, stores, and processes with users' functions.

One per process; a process whose scratch folder is elsewhere gets a new one.
The folder lies beside the folders of single calls and goes with them.
"""

import shutil
from collections import OrderedDict
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Protocol

from headwater.execution.scratch import Scratch
from headwater.pipelines.runtime.broom import Broom
from headwater.pipelines.runtime.containers import Tool, clear, find_tool
from headwater.pipelines.runtime.images import have
from headwater.pipelines.runtime.launch.launching import Launching
from headwater.pipelines.runtime.laying import Shelf, write
from headwater.pipelines.sets import Recipe
from headwater.storage import ObjectStore, content_hash, open_store


class Kept(Protocol):
    """Something that stays up between sets."""

    def close(self) -> None:
        """Ends it."""
        ...


class Home:
    """Folders and processes that outlive a datum set."""

    def __init__(self, parent: Path) -> None:
        """Makes a folder in `parent`, and clears those that dead processes left there."""
        self.parent = parent
        self._stack = ExitStack()
        scratch = Scratch(parent)
        self._stack.callback(scratch.close)
        self.folder, self.lock = self._stack.enter_context(scratch.folder()), scratch.lock
        for name in ("shelf", "code", "run", "gone"):
            (self.folder / name).mkdir()
        self._broom = self._stack.enter_context(Broom(self.folder / "gone"))
        self.shelf = Shelf(self.folder / "shelf")
        self.kept: OrderedDict[str, Kept] = OrderedDict()
        self._stores: dict[str, ObjectStore] = {}
        self._numbers = count(1)
        self._commands: Launching | None = None
        self._refusal: str | None = None
        self._tool: Tool | None = None
        self._images: set[tuple[str, str]] = set()

    def store(self, url: str) -> ObjectStore:
        """Returns an open store."""
        if url not in self._stores:
            self._stores[url] = open_store(url)
        return self._stores[url]

    def code(self, recipe: Recipe, store: ObjectStore) -> Path | None:
        """Returns the folder with the stored code, laid out once; none where there is none."""
        if not recipe.code:
            return None
        identity = b"\0".join([recipe.code_hash.encode(), *(file.hash for _, file in recipe.code)])
        folder = self.folder / "code" / content_hash(identity).hex()[:32]
        if not folder.is_dir():
            draft = self.new_folder()
            for path, file in recipe.code:
                place = draft / path
                place.parent.mkdir(parents=True, exist_ok=True)
                write(file, store, place)
            draft.rename(folder)
        return folder

    def new_folder(self) -> Path:
        """Returns a new, empty folder."""
        folder = self.folder / "run" / str(next(self._numbers))
        folder.mkdir()
        return folder

    def discard(self, folder: Path) -> None:
        """Removes a folder: it is gone when this returns, though its files may take a little longer."""
        self._broom.take(folder)

    def commands(self) -> Launching:
        """Returns the launcher of commands."""
        if self._commands is None:
            self._commands = Launching()
        return self._commands

    def drop_commands(self) -> None:
        """Ends the launcher of commands and what runs under it; the next command gets a new one."""
        launching, self._commands = self._commands, None
        if launching is not None:
            launching.close()

    def namespace_refusal(self) -> str:
        """Returns why commands can have no `/pfs`; empty where they can. Found out once."""
        if self._refusal is None:
            root = self.new_folder()
            self._refusal = self.commands().probe(str(root))
            shutil.rmtree(root, ignore_errors=True)
        return self._refusal

    def image(self, name: str, id: str = "") -> Tool:
        """Returns the container tool, which has an image by then, and of its name the one with the id; looked for once.

        Raises:
            ImageUnavailable: It cannot be pulled.
            NoContainerTool: There is no tool.
        """
        tool = self.container_tool()
        if (name, id) not in self._images:
            have(tool, name, id)
            self._images.add((name, id))
        return tool

    def container_tool(self) -> Tool:
        """Returns the container tool that works here, found out once, when it has ended what dead processes left.

        Raises:
            NoContainerTool: There is none.
        """
        if self._tool is None:
            self._tool = find_tool()
            clear(self._tool)
        return self._tool

    @property
    def limits_memory(self) -> bool:
        """Whether the container tool limits the memory of what it runs."""
        return "memory" in self.container_tool().limits

    def close(self) -> None:
        """Ends all processes and removes all files."""
        self.drop_commands()
        for kept in self.kept.values():
            kept.close()
        self.kept.clear()
        self._stack.close()
