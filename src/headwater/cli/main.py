"""The entry point: takes the line apart, runs one command, turns errors into one clear message.

Exit status: 0 done, 1 refused or failed, 2 wrong usage. A traceback is shown
only under `--debug`.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cyclopts import App, CycloptsError, UnusedCliTokensError

from headwater.cli import output
from headwater.cli.options import MissingValue, Options, take_options

_EPILOGUE = (
    "Every command also takes --workspace URL (else HEADWATER_WORKSPACE, else the nearest .headwater/ upward), "
    "--json (one JSON document on stdout), --quiet, and --debug (tracebacks)."
)

# Command line name, module, attribute, help. The help stands here so that
# showing it imports nothing.
_COMMANDS = {
    "Workspace": [
        ("init", "workspace:init", "Make a workspace in a folder or a database"),
        ("status", "workspace:status", "Show where the workspace is and what it holds"),
        ("move", "workspace:move", "Move the workspace to another catalog and object store"),
        ("check", "care:check", "Check that everything stored is there and whole"),
        ("gc", "care:gc", "Free what no commit needs any more"),
        ("setting", "settings:setting", "List and change settings"),
        ("worker", "workspace:worker", "Take tasks from the queue and run them"),
        ("demo", "workspace:demo", "Tell a story from a data file to a served prediction"),
    ],
    "Repos": [
        ("repo", "repos:repo", "Create, list, show, retain and delete repos"),
        ("put", "files:put", "Commit files, folders or stdin to a branch, or add them to an open commit"),
        ("get", "files:get", "Copy a file or folder of a commit to this machine"),
        ("cat", "files:cat", "Write a file of a commit, or a part of it, to stdout"),
        ("ls", "files:ls", "List a folder of a commit, all files below it, or what matches a glob"),
        ("rm", "files:rm", "Delete files and folders on a branch or in an open commit"),
        ("cp", "files:cp", "Copy a file or folder from any commit to a branch or open commit"),
        ("mv", "files:mv", "Move a file or folder on a branch, or from one branch to another"),
        ("commit", "commits:commit", "Start, finish, drop, list, show, squash and purge commits"),
        ("log", "repos:log", "List the commits of a branch, newest first"),
        ("diff", "repos:diff", "List what differs between two commits, of one repo or of two"),
        ("branch", "repos:branch", "Create, list, move and delete branches"),
        ("tag", "repos:tag", "Create, list and delete tags"),
        ("merge", "history:merge", "Merge a commit into a branch of its repo"),
        ("why", "repos:why", "Show what made a commit, a file, a model version or a prediction"),
        ("impact", "commits:impact", "List the commits that were made of a commit, newest first"),
    ],
    "Pipelines": [
        ("pipeline", "pipelines:pipeline", "Create, update, plan, run, pause and delete pipelines"),
        ("job", "jobs:job", "List, show and cancel jobs, wait for them, see their datums and logs"),
    ],
    "Models": [
        ("train", "training:train", "Send a training request"),
        ("request", "training:request", "List, show and cancel training requests"),
        ("model", "models:model", "List and show models and their versions"),
        ("env", "models:env", "Create and list environments"),
        ("promote", "models:promote", "Bring a version into an environment, through its gates"),
        ("rollback", "models:rollback", "Bring an environment back to the version before"),
        ("predict", "models:predict", "Predict the rows of a file with a model version"),
    ],
    "Serving": [
        ("serve", "serving:serve", "Serve models of an environment over REST"),
        ("gateway", "gateway:gateway", "Serve branches, tags and commits as S3 buckets"),
        ("token", "serving:token", "Create, list and revoke tokens"),
    ],
}


class _Program(App):
    """The command tree; the help of a command ends with the example in its docstring."""

    def help_print(self, tokens: str | Iterable[str] | None = None, *, console: Any = None) -> None:
        """Shows the help of the command that the tokens name."""
        _, apps, _ = self.parse_commands(tokens)
        command = apps[-1]
        if example := _example(command.default_command):
            text = command.help.partition("Example:\n")[0].rstrip()
            command.help = f"{text}\n\nExample: {example}"
        super().help_print(tokens, console=console)


def build_app() -> App:
    """Returns the command tree; the modules of its commands are not imported yet."""
    app = _Program(
        name="headwater",
        help="From a data file to a prediction that someone relies on.",
        help_epilogue=_EPILOGUE,
        help_format="plaintext",
        version=_version,
        result_action="return_value",
    )
    for group, commands in _COMMANDS.items():
        for name, place, help_text in commands:
            app.command(f"headwater.cli.{place}", name=name, help=help_text, group=group)
    return app


def main(line: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit status."""
    try:
        options, rest = take_options(sys.argv[1:] if line is None else line)
    except MissingValue:
        output.use(Options())
        output.fail_usage("--workspace needs a value, such as --workspace ./work.")
        return 2
    output.use(options)
    try:
        return _run(rest)
    except KeyboardInterrupt:
        output.note("Stopped.")
        return 130
    except BrokenPipeError:
        output.abandon_stdout()
        return 0


def _run(line: Sequence[str]) -> int:
    from headwater.errors import Error, Internal

    try:
        status = build_app()(list(line), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        output.fail_usage(*_told(error))
        return 2
    except Error as error:
        if output.options().debug:
            raise
        output.fail(error)
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as error:
        if output.options().debug:
            raise
        output.fail(Internal(error))
        return 1
    return status if isinstance(status, int) else 0


def _told(error: CycloptsError) -> tuple[str, str]:
    """Returns what is wrong with a line, and what shows how to write it."""
    command = " ".join(("headwater", *(error.command_chain or ())))
    hint = f"`{command} --help` shows what it takes, with an example."
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"`{command}` has no use for {' '.join(map(repr, error.unused_tokens))}.", hint
    return str(error), hint


def _example(command: Callable[..., Any] | None) -> str:
    """Returns the line below `Example:` in a command's docstring."""
    _, _, after = ((command and command.__doc__) or "").partition("Example:\n")
    return after.partition("\n")[0].strip()


def _version() -> str:
    from importlib.metadata import version

    return version("headwater")
