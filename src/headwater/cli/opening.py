"""Opens the workspace that the command line means."""

from headwater.cli import output
from headwater.workspace import Workspace, open_workspace


def open_here() -> Workspace:
    """Returns the workspace of `--workspace`, the environment, or the folder the command runs in."""
    return open_workspace(output.options().workspace)
