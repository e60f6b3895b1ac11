"""Headwater: versioned data, incremental pipelines, models and their endpoints in one process.

The public names live in the floors below and are fetched on first use, so
that `import headwater` costs next to nothing: a table here says which name
comes from where. No module of the package imports this one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.pipelines.runtime.calling.objects import Datum as Datum
    from headwater.pipelines.runtime.calling.objects import File as File
    from headwater.pipelines.runtime.calling.objects import Input as Input
    from headwater.pipelines.runtime.calling.objects import Out as Output
    from headwater.pipelines.spec.python import cron as cron
    from headwater.pipelines.spec.python import cross as cross
    from headwater.pipelines.spec.python import files as files
    from headwater.pipelines.spec.python import group as group
    from headwater.pipelines.spec.python import join as join
    from headwater.pipelines.spec.python import pipeline as pipeline
    from headwater.pipelines.spec.python import service as service
    from headwater.pipelines.spec.python import spout as spout
    from headwater.pipelines.spec.python import union as union
    from headwater.workspace import Workspace as Workspace
    from headwater.workspace import open_workspace as open

__version__ = "0.1.0"

__all__ = [
    "Datum",
    "File",
    "Input",
    "Output",
    "Workspace",
    "__version__",
    "cron",
    "cross",
    "files",
    "group",
    "join",
    "open",
    "pipeline",
    "service",
    "spout",
    "union",
]

_PYTHON = "headwater.pipelines.spec.python"
_OBJECTS = "headwater.pipelines.runtime.calling.objects"
_HOMES = {
    "Datum": f"{_OBJECTS}:Datum",
    "File": f"{_OBJECTS}:File",
    "Input": f"{_OBJECTS}:Input",
    "Output": f"{_OBJECTS}:Out",
    "Workspace": "headwater.workspace:Workspace",
    "cron": f"{_PYTHON}:cron",
    "cross": f"{_PYTHON}:cross",
    "files": f"{_PYTHON}:files",
    "group": f"{_PYTHON}:group",
    "join": f"{_PYTHON}:join",
    "open": "headwater.workspace:open_workspace",
    "pipeline": f"{_PYTHON}:pipeline",
    "service": f"{_PYTHON}:service",
    "spout": f"{_PYTHON}:spout",
    "union": f"{_PYTHON}:union",
}


if not TYPE_CHECKING:  # a type checker sees the imports above instead, and so every misspelt name

    def __getattr__(name: str) -> Any:
        home = _HOMES.get(name)
        if home is None:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        module, _, attribute = home.partition(":")
        value = getattr(import_module(module), attribute)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
