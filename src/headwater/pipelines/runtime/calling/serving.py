"""A function's process between and during sets: what it was started with, and which pieces it remembers.

What many datums see is sent to a process once and known by its digest from
then on, also in later sets; the oldest are forgotten when there are many.
"""

import shutil
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path

import msgspec

from headwater.pipelines.calls import Reported
from headwater.pipelines.runtime.calling.function_process import Fallen, FunctionProcess, Place
from headwater.pipelines.runtime.errors import FunctionFailed, OutOfMemory
from headwater.pipelines.runtime.launch.limits import Watch
from headwater.pipelines.runtime.laying import lay_out
from headwater.pipelines.runtime.messages import Ready, Start
from headwater.pipelines.runtime.work import Work, call_error, error_of
from headwater.pipelines.sets import CallError, Piece, Recipe
from headwater.settings import user_environment
from headwater.storage import PortableFile, content_hash

_MOST_PROCESSES = 3  # per process of the pool; the one that was used longest ago goes
_MOST_KEPT = 256
PIPELINE = "HEADWATER_PIPELINE"
_MEND = "Mend the function's module, its imports or its `setup`; `headwater pipeline update` stores what is there now."


class Serving:
    """A process that is ready to take datums."""

    def __init__(
        self,
        key: bytes,
        process: FunctionProcess,
        variables: Mapping[str, str],
        discard: Callable[[Path], None],
    ) -> None:
        """Knows no pieces yet; folders that are over go to `discard`."""
        self.key, self.process, self._discard = key, process, discard
        self.preface = b""  # what setup printed; the first datum's log begins with it
        self.numbers = count(1)
        self._variables = dict(variables)
        self._known: OrderedDict[bytes, int] = OrderedDict()

    def changes(self, variables: Mapping[str, str]) -> dict[str, str | None]:
        """Returns which variables the process has to change, and takes them for changed."""
        changed: dict[str, str | None] = {
            name: value for name, value in variables.items() if self._variables.get(name) != value
        }
        changed |= {name: None for name in self._variables if name not in variables}
        self._variables = dict(variables)
        return changed

    def known(self, digest: bytes) -> int | None:
        """Returns the number of a piece that the process remembers."""
        number = self._known.get(digest)
        if number is not None:
            self._known.move_to_end(digest)
        return number

    def remember(self, digest: bytes, number: int) -> None:
        """Notes that the process remembers a piece."""
        self._known[digest] = number

    def surplus(self) -> list[int]:
        """Returns pieces that the process is to forget, and removes their files."""
        numbers = []
        while len(self._known) > _MOST_KEPT:
            numbers.append(self._known.popitem(last=False)[1])
        for number in numbers:
            self.remove(number)
        return numbers

    def remove(self, number: int) -> None:
        """Removes the files of a piece."""
        self._discard(self._place(number))

    def place_file(self, work: Work, piece: Piece, number: int, index: int) -> Path:
        """Lays one file of a piece out and returns where."""
        path, file = piece.files[index]
        place = self._place(number) / piece.input / path
        if not piece.empty and not work.home.shelf.holds(file):
            place.unlink(missing_ok=True)  # where it was laid out, the code may have written into it
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            if piece.empty:
                place.touch(0o444)
            else:
                work.home.shelf.link(file, work.store, place)
        return place

    def place_folder(self, work: Work, piece: Piece, number: int) -> Path:
        """Lays all files of a piece out and returns the folder that they lie in at their paths."""

        def put(_: Piece, file: PortableFile, place: Path) -> None:
            work.home.shelf.link(file, work.store, place)

        lay_out([piece], work.store, self._place(number), put=put)
        return self._place(number) / piece.input

    def close(self) -> None:
        """Ends the process and removes its files."""
        self.process.close()
        shutil.rmtree(self.process.folder, ignore_errors=True)

    def _place(self, number: int) -> Path:
        return self.process.folder / "in" / str(number)


def serving_for(work: Work, first: Sequence[int]) -> Serving:
    """Returns a process that is ready for the set, started now unless there is one.

    Args:
        work: The set.
        first: The datums that come first, in whose log stands what the setup prints.

    Raises:
        Reported: The function cannot be loaded or set up; the log says more.
    """
    home, recipe = work.home, work.recipe
    name, key = recipe.variables.get(PIPELINE, recipe.transform.function), _key(recipe)
    found = home.kept.pop(name, None)
    if isinstance(found, Serving):
        if found.key == key and found.process.is_alive:
            home.kept[name] = found
            return found
        found.close()
    while len(home.kept) >= _MOST_PROCESSES:
        home.kept.popitem(last=False)[1].close()
    serving = _started(work, key, first)
    home.kept[name] = serving
    return serving


def drop(work: Work, serving: Serving) -> None:
    """Ends a process that is of no use any more."""
    for name in [name for name, kept in work.home.kept.items() if kept is serving]:
        del work.home.kept[name]
    serving.close()


def _started(work: Work, key: bytes, first: Sequence[int]) -> Serving:
    recipe, transform = work.recipe, work.recipe.transform
    code, folder = work.home.code(recipe, work.store), work.home.new_folder()
    variables = {**transform.env, **recipe.secrets, **recipe.variables}
    environment = user_environment(variables, threads=recipe.threads)
    process = FunctionProcess(Place(code, folder, environment, recipe.memory), Watch(None, recipe.memory))
    serving = Serving(key, process, recipe.variables, work.home.discard)
    order = Start(
        str(code or ""),
        transform.function,
        transform.setup,
        list(recipe.inputs),
        transform.batch > 1,
        str(folder),
    )
    work.live.begin()
    try:
        ready = process.start(order, lambda _, log: work.live.look(log, first))
    except Fallen as fallen:
        serving.close()
        error = msgspec.structs.replace(error_of(fallen.error), scope="job-for-now")
        raise Reported(error, fallen.log) from None
    if ready.failure is not None:
        serving.close()
        raise Reported(_not_ready(ready, call_error(ready.failure, work.watch)), ready.log)
    serving.preface = ready.log
    return serving


def _not_ready(ready: Ready, error: CallError) -> CallError:
    """Returns why no datum can be handed to a function: code that cannot be loaded stays so, a setup may go well later."""
    if error.machine:
        return error
    passes = ready.is_loaded or error.kind == OutOfMemory.kind
    hint = _MEND if error.kind == FunctionFailed.kind else error.hint
    return msgspec.structs.replace(error, hint=hint, scope="job-for-now" if passes else "job")


def _key(recipe: Recipe) -> bytes:
    transform = recipe.transform
    code = [(path, file.hash, file.executable) for path, file in recipe.code]
    names = (
        transform.function,
        transform.setup,
        transform.batch,
        recipe.inputs,
        recipe.memory,
        recipe.threads,
    )
    secrets = sorted(recipe.secrets.items())
    return content_hash(
        msgspec.msgpack.encode([recipe.code_hash, code, names, sorted(transform.env.items()), secrets])
    )
