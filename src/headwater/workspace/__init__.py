"""The embedded workspace: what `headwater.open()` returns, with every part wired together.

    ws = open_workspace("./work", create=True)
    with ws.repo("iris", create=True).commit("main") as commit:
        commit.put("/iris.csv", Path("iris.csv"))
    version = ws.train(model="iris", data="iris@main:/iris.csv", targets="all").result()

One object per noun, no logic of its own.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.workspace.model import Model
    from headwater.workspace.moving import move_workspace
    from headwater.workspace.serving import Serving
    from headwater.workspace.training import Training
    from headwater.workspace.workspace import Workspace, open_workspace

__all__ = ["Model", "Serving", "Training", "Workspace", "move_workspace", "open_workspace"]

_HOMES = {
    "Model": "model",
    "Serving": "serving",
    "Training": "training",
    "Workspace": "workspace",
    "move_workspace": "moving",
    "open_workspace": "workspace",
}


def __getattr__(name: str) -> Any:  # whatever stands under the name
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
