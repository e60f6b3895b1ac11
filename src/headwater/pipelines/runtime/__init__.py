"""The worker's side of transforms: a datum set in, the user's code run on each datum, files out.

    run_set(payload, scratch)           # SetPayload → SetResult; the call "pipelines.transform"
    lay_out(pieces, store, folder)      # a datum's inputs as folders
    prepare_shell(recipe, pieces, folder, store)   # the same, and a shell in them

What runs here is trusted: it reads and writes the object store. The user's
code runs in processes of its own with a clean environment, and talks to this
side over a socket in plain values. Knows no catalog, no jobs and no plans.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.pipelines.runtime.calling.objects import File, Input, Out
    from headwater.pipelines.runtime.laying import lay_out
    from headwater.pipelines.runtime.running import close, run_set
    from headwater.pipelines.runtime.shelling import prepare_shell

__all__ = ["CALLS", "File", "Input", "Out", "close", "lay_out", "prepare_shell", "run_set"]

# The name that sets of transforms are submitted under, and what runs them.
CALLS = {"pipelines.transform": "headwater.pipelines.runtime:run_set"}

_MODULES = {
    "laying": ("lay_out",),
    "calling.objects": ("File", "Input", "Out"),
    "running": ("close", "run_set"),
    "shelling": ("prepare_shell",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:  # whatever stands under the name
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
