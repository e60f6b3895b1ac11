"""Commands about the workspace's settings."""

from cyclopts import App

from headwater.cli import output
from headwater.cli.opening import open_here

setting = App(name="setting", help="List and change settings")


@setting.command(name="list")
def list_settings() -> None:
    """List all settings, with their defaults

    Example:
        headwater setting list
    """
    with open_here() as workspace:
        output.show(workspace.settings())


@setting.command(name="set")
def set_setting(name: str, value: str) -> None:
    """Change a setting of a workspace that has no folder

    Example:
        headwater setting set workers.processes 8

    Args:
        name: Its dotted name
        value: Its new value
    """
    with open_here() as workspace:
        output.show(workspace.change_setting(name, value))
