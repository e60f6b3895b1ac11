"""The options that every command takes, wherever on the line they stand.

They are taken out of the line before the commands see it, so that
`headwater --json ls x` and `headwater ls x --json` are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

_FLAGS = ("--json", "--quiet", "--debug")


class MissingValue(Exception):
    """`--workspace` stands last."""


@dataclass(frozen=True)
class Options:
    """How to find the workspace and how to show what comes of a command."""

    workspace: str | None = None
    as_json: bool = False
    quiet: bool = False
    debug: bool = False


def take_options(line: Sequence[str]) -> tuple[Options, list[str]]:
    """Returns the global options and what is left of the line; nothing is taken behind `--`.

    Raises:
        MissingValue: `--workspace` has no value.
    """
    options, rest = Options(), []
    words = iter(line)
    for word in words:
        name, has_value, value = word.partition("=")
        if word == "--":
            rest += [word, *words]
        elif word in _FLAGS:
            options = replace(
                options,
                as_json=options.as_json or word == "--json",
                quiet=options.quiet or word == "--quiet",
                debug=options.debug or word == "--debug",
            )
        elif name in ("--workspace", "-w"):
            found = value if has_value else next(words, None)
            if not found:
                raise MissingValue
            options = replace(options, workspace=found)
        else:
            rest.append(word)
    return options, rest
