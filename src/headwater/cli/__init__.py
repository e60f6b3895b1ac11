"""The command line: parse, call once, show.

Each command is a few lines over `headwater.workspace`; nothing is decided
here. Commands live in modules by noun and are imported when they run, so that
`headwater --help` stays quick.
"""

from headwater.cli.main import main

__all__ = ["main"]
