"""Finds the user's function in the stored code, and checks that it can be called with the pipeline's inputs."""

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from headwater.errors import Error, did_you_mean
from headwater.pipelines.runtime.errors import FunctionFailed, InvalidFunction, OutOfMemory
from headwater.pipelines.runtime.messages import Failure

OUT, STATE = "out", "state"
_OURS = str(Path(__file__).parents[1])
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Bound(NamedTuple):
    """A function and the names that it is called with; `optional` ones only where a datum has them."""

    call: Callable[..., Any]
    names: tuple[str, ...]
    optional: frozenset[str]
    takes_out: bool
    takes_state: bool


def find(target: str, what: str) -> Callable[..., Any]:
    """Returns the function that a `module:name` stands for.

    Raises:
        InvalidFunction: There is no such module or function. What the module itself raises passes.
    """
    module_name, _, name = target.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name and not module_name.startswith(f"{error.name}."):
            raise
        raise InvalidFunction(
            f"The {what} {target!r} cannot be loaded: there is no module {module_name!r} in the stored code.",
            hint="Name it as `module:function`, with a module of the pipeline's code folder.",
        ) from None
    for part in name.split("."):
        if not hasattr(found, part):
            raise InvalidFunction(
                f"The {what} {target!r} cannot be loaded: {module_name!r} has no {name!r}.",
                hint=did_you_mean(name, [one for one in vars(found) if callable(getattr(found, one, None))])
                if inspect.ismodule(found)
                else "Name a function of the module.",
            )
        found = getattr(found, part)
    found = inspect.unwrap(found)
    if not callable(found):
        raise InvalidFunction(
            f"The {what} {target!r} is no function.", hint="Name a function, as `module:function`."
        )
    function: Callable[..., Any] = found
    return function


def bind(function: Callable[..., Any], target: str, inputs: Sequence[str], *, has_state: bool) -> Bound:
    """Checks a function that takes one datum: each parameter is an input, `out` or `state`.

    Raises:
        InvalidFunction: It asks for something that it cannot be given, or a call would not run it.
    """
    _check_runs(function, target)
    known = {*inputs, OUT, *((STATE,) if has_state else ())}
    parameters = _parameters(function)
    takes_all = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters)
    named = [one for one in parameters if one.kind in _BY_NAME]
    given = f"Its inputs are {_listed(inputs)}; it may also take `out`{' and `state`' if has_state else ''}."
    for one in parameters:
        if one.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise InvalidFunction(
                f"The function {target!r} takes {one.name!r} by its place only.",
                hint=f"Parameters are given by name: leave out the `/`. {given}",
            )
        if one.kind in _BY_NAME and one.name not in known and one.default is inspect.Parameter.empty:
            no_setup = one.name == STATE and not has_state
            raise InvalidFunction(
                f"The function {target!r} takes {one.name!r}, which is no input of the pipeline.",
                hint=f"{'Give the pipeline a `setup`. ' if no_setup else ''}{given}",
            )
    names = {one.name for one in named if one.name in known} | (known if takes_all else set())
    return Bound(
        function,
        tuple(name for name in inputs if name in names),
        frozenset(one.name for one in named if one.default is not inspect.Parameter.empty),
        OUT in names,
        has_state and STATE in names,
    )


def bind_batch(function: Callable[..., Any], target: str, *, has_state: bool) -> Bound:
    """Checks a function that takes a list of datums, and `state` where there is a setup.

    Raises:
        InvalidFunction: It takes less or asks for more, or a call would not run it.
    """
    _check_runs(function, target)
    parameters = _parameters(function)
    needed = [
        one.name
        for one in parameters
        if one.default is inspect.Parameter.empty
        and one.kind not in {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}
    ]
    extra = [name for name in needed[1:] if not (name == STATE and has_state)]
    if not parameters or extra:
        raise InvalidFunction(
            f"The function {target!r} cannot be called with a batch: "
            + (f"it also takes {_listed(extra)}." if extra else "it takes no parameter."),
            hint="With `batch` it takes one list of datums, `def f(datums)`, each with its inputs and `out`"
            + (", and `state`." if has_state else "."),
        )
    takes_state = has_state and any(one.name == STATE for one in parameters)
    return Bound(function, (), frozenset(), takes_out=False, takes_state=takes_state)


def describe(error: BaseException, folder: str) -> Failure:
    """Returns what is to be told of an exception that the user's code raised."""
    where = _where(error, folder)
    place = f" ({where})" if where else ""
    if isinstance(error, Error):
        return Failure(error.kind, f"{error.message}{place}", error.hint, error.details)
    last = traceback.TracebackException.from_exception(error).format_exception_only()
    message = " ".join(list(last)[-1].split()) + place
    hint = "The datum's log has the traceback; `headwater pipeline shell` opens a shell with its inputs."
    if isinstance(error, MemoryError):
        return Failure(OutOfMemory.kind, message, hint, [])
    errno = error.errno or 0 if isinstance(error, OSError) else 0
    return Failure(FunctionFailed.kind, message, hint, [], errno)


def print_traceback(error: BaseException, folder: str) -> None:
    """Writes the traceback to the log, without what lies around and below the user's code."""
    trace = traceback.TracebackException.from_exception(error)
    _cut(trace)
    text = "".join(trace.format())
    sys.stderr.flush()
    os.write(2, (text.replace(f"{folder}/", "") if folder else text).encode(errors="replace"))


def _cut(trace: traceback.TracebackException | None) -> None:
    if trace is None:
        return
    trace.stack[:] = [frame for frame in trace.stack if not _is_ours(frame)]
    _cut(trace.__cause__)
    _cut(trace.__context__)


def _is_ours(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith((_OURS, "<frozen importlib"))


def _check_runs(function: Callable[..., Any], target: str) -> None:
    """Refuses a function whose call does nothing yet: every datum would succeed without a result."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise InvalidFunction(
            f"The function {target!r} is `async`, and nothing would wait for it.",
            hint="Write it with `def`; inside, `asyncio.run(…)` runs what is `async`.",
        )
    if inspect.isgeneratorfunction(function):
        raise InvalidFunction(
            f"The function {target!r} has a `yield`, and nothing would go through what it yields.",
            hint="Write results with `out.write(name, …)` instead.",
        )


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # made in C, without a signature
        return []


def _where(error: BaseException, folder: str) -> str:
    """Returns file and line of the innermost frame in the user's code, else of the innermost of all."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename.removeprefix(f'{folder}/')}:{error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_ours(frame)]
    users = [frame for frame in frames if frame.filename.startswith(f"{folder}/")]
    if not frames:
        return ""
    frame = (users or frames)[-1]
    return f"{frame.filename.removeprefix(f'{folder}/')}:{frame.lineno}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
