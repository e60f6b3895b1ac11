"""Headwater: versioned data, incremental pipelines, models and their endpoints in one process.

The public names live in the floors below and are fetched on first use, so
that `import headwater` costs next to nothing: a table here says which name
comes from where. No module of the package imports this one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.workspace import Workspace as Workspace
    from headwater.workspace import open_workspace as open

__version__ = "0.1.0"

__all__ = ["Workspace", "__version__", "open"]

_HOMES = {
    "Workspace": "headwater.workspace:Workspace",
    "open": "headwater.workspace:open_workspace",
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
