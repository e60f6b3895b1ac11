"""What the processes of functions that run for ever have in common: find the function, call it by names."""

import inspect
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from headwater.errors import Error
from headwater.pipelines.longrun.protocol import Told
from headwater.pipelines.runtime.calling import binding
from headwater.pipelines.runtime.errors import InvalidFunction

STOP = "stop"
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def told_by(arguments: list[str]) -> Told:
    """Returns what this process is told, and makes it ready to run the code of users."""
    told = msgspec.json.decode(arguments[0], type=Told)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="replace")
    sys.argv = [""]
    sys.path.insert(0, told.code)
    return told


def call(told: Told, given: Mapping[str, Any]) -> Any:
    """Calls the function with what it asks for by name.

    Raises:
        InvalidFunction: It is not there, or asks for something that it cannot be given.
    """
    function = binding.find(told.function, "function")
    available: dict[str, Any] = dict(given)
    if told.setup:
        available[binding.STATE] = binding.find(told.setup, "setup")()
    parameters = list(inspect.signature(function).parameters.values())
    takes_all = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters)
    named = {one.name: one for one in parameters if one.kind in _BY_NAME}
    if STOP in named:
        available[STOP] = _stop_event()
    for name, one in named.items():
        if name not in available and one.default is inspect.Parameter.empty:
            raise InvalidFunction(
                f"The function {told.function!r} takes {name!r}, which it cannot be given.",
                hint=f"It may take: {', '.join([*available, STOP])}.",
            )
    return function(**{name: value for name, value in available.items() if takes_all or name in named})


def run(main: Callable[[Told], None], arguments: list[str]) -> int:
    """Runs a host; what the user's code raises goes to the log, without what lies around it."""
    told = told_by(arguments)
    try:
        main(told)
    except Exception as error:  # noqa: BLE001 - the user's code may raise anything
        binding.print_traceback(_in_one_line(error), told.code)
        return 1
    return 0


def _in_one_line(error: Exception) -> Exception:
    """Returns an error of ours so that the last line of its traceback says all; others are that already."""
    if not isinstance(error, Error):
        return error
    plain = type(type(error).__name__, (Exception,), {"__module__": "builtins"})
    told: Exception = plain(f"{error.message} {error.hint}")
    return told.with_traceback(error.__traceback__)


def _stop_event() -> threading.Event:
    """Returns an event that is set when the process is asked to end."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    return stop


def only_ours(*descriptors: int) -> None:
    """Keeps descriptors from programs that the user's code starts."""
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the function's own parameter
