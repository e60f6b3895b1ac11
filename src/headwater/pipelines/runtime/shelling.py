"""Prepares a shell in which a person sees what a datum's code sees."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from headwater.pipelines.runtime import containers, places
from headwater.pipelines.runtime.commands import binds
from headwater.pipelines.runtime.laying import lay_out, write
from headwater.pipelines.sets import Piece, Recipe
from headwater.storage import ObjectStore

_INSIDE = ("-P", "-m", "headwater.pipelines.runtime.launch.inside")


class Shell(NamedTuple):
    """A program to run in the foreground, its whole environment, and the folder to start it in."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: Path


def prepare_shell(recipe: Recipe, pieces: Sequence[Piece], folder: Path, store: ObjectStore) -> Shell:
    """Lays a datum and the pipeline's code out, and returns the shell to start there.

    The shell has the datum's variables and secrets, `/pfs` where this machine
    allows it, and for a function's code the folder that Python imports from.
    In a pipeline with an image it runs in a container of it.

    Args:
        recipe: How the pipeline runs its datums.
        pieces: What the datum sees; lazy files are fetched here like any other.
        folder: An empty folder, which is the caller's to remove.
        store: Where objects are read.

    Raises:
        StoredBytesCorrupt: A file is not what was written.
        NoContainerTool: The pipeline names an image, and nothing here can run one.
    """
    folders = places.Folders(folder)
    lay_out(pieces, store, folders.inputs)
    code = folder / "code" if recipe.code else None
    for path, file in recipe.code if code is not None else ():
        assert code is not None, "there are files"
        place = code / path
        place.parent.mkdir(parents=True, exist_ok=True)
        write(file, store, place)
    if recipe.transform.image:
        tool = containers.find_tool()
        box = containers.wrap(tool, recipe, pieces, folders, code, ("sh",), "", lock=None)
        return Shell(box.argv, box.environment, folder)
    told = places.variables(recipe, pieces, str(folders.inputs), str(folders.output))
    environment = places.environment(recipe, folders, told)
    if code is not None:
        before = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{code}:{before}" if before else str(code)
    shell = shutil.which("bash", path=environment.get("PATH")) or "/bin/sh"
    namespace = msgspec.json.encode([str(folders.root), binds(folders)]).decode()
    return Shell(
        [sys.executable, *_INSIDE, namespace, shell],
        environment,
        places.working_folder(recipe, code, folders),
    )
