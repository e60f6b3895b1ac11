"""Runs a datum set: decodes it, hands its datums to what runs their code, and collects what came of them."""

import atexit
from pathlib import Path

import msgspec

from headwater.pipelines.calls import Reported, reporting
from headwater.pipelines.runtime.calling.functions import Functions
from headwater.pipelines.runtime.commands import Commands
from headwater.pipelines.runtime.home import Home
from headwater.pipelines.runtime.launch.processes import hide_this_process
from headwater.pipelines.runtime.work import Work
from headwater.pipelines.sets import DatumResult, Recipe, SetPayload, SetResult
from headwater.storage import WrittenSegment, is_remote

_homes: list[Home] = []


def run_set(payload: bytes, scratch: Path) -> bytes:
    """Runs the datums of a set and returns a result for each.

    Args:
        payload: A `SetPayload` whose recipe is a `Recipe`.
        scratch: An empty folder of this call; what outlives it lies beside it.
    """
    task = msgspec.msgpack.decode(payload, type=SetPayload)
    recipe = msgspec.msgpack.decode(task.recipe, type=Recipe)
    home = _home(scratch.parent)
    try:
        with reporting("reading"):
            store = home.store(task.store)
        if is_remote(task.store):
            hide_this_process()
    except Reported as reported:
        failed = tuple(DatumResult(one.key, "failed", error=reported.error) for one in task.datums)
        return msgspec.msgpack.encode(SetResult(failed))
    work = Work(task, recipe, home, store)
    commands = Commands(work)
    if recipe.transform.recovery:
        work.recovery = commands.recover
    try:
        if recipe.transform.function:
            Functions(work).run()
        else:
            commands.run()
        return msgspec.msgpack.encode(_result(work))
    finally:
        work.live.close()


def close() -> None:
    """Ends every process that was started and removes every file that was kept; the next set begins anew."""
    while _homes:
        _homes.pop().close()


def _home(parent: Path) -> Home:
    if _homes and (_homes[0].parent != parent or not _homes[0].folder.is_dir()):
        close()
    if not _homes:
        _homes.append(Home(parent))
    return _homes[0]


def _result(work: Work) -> SetResult:
    segments: tuple[WrittenSegment, ...] = ()
    try:
        with reporting("writing"):
            segments = work.stream.finish()
    except Reported as reported:
        for index, result in work.results.items():
            if any(file.place is not None for file in result.files):
                work.fail(index, reported.error, result.log)
    return SetResult(tuple(work.results[index] for index in range(len(work.task.datums))), segments)


atexit.register(close)
