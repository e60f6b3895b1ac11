"""What a command sees: folders for inputs and output, and variables that name them."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from headwater.pipelines.runtime.errors import CommandNotFound
from headwater.pipelines.runtime.launch.namespace import PLACE
from headwater.pipelines.sets import Piece, Recipe
from headwater.settings import user_environment

INPUTS, OUTPUT, TEMPORARY, WORK = "in", "out", "tmp", "work"


class Folders:
    """The folders of one datum below one of its own."""

    def __init__(self, folder: Path) -> None:
        """Makes them."""
        self.folder = folder
        self.inputs, self.output = folder / INPUTS, folder / OUTPUT
        self.temporary, self.work = folder / TEMPORARY, folder / WORK
        self.root = folder / "root"
        for one in (self.inputs, self.output, self.temporary, self.work, self.root):
            one.mkdir()

    def remove(self) -> None:
        """Removes all of it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def variables(
    recipe: Recipe, pieces: Iterable[Piece], inputs: str, output: str, *, datum: str = ""
) -> dict[str, str]:
    """Returns the variables that tell a command of its datum.

    Each input's name stands for the place of what it matched.
    """
    job = {**recipe.variables}
    told = {
        "PACH_JOB_ID": job.get("HEADWATER_JOB", ""),
        "PACH_OUTPUT_COMMIT_ID": job.get("HEADWATER_OUTPUT_COMMIT", ""),
        "PACH_DATUM_ID": datum,
        "HEADWATER_DATUM": datum,
    }
    for piece in pieces:
        told.setdefault(piece.input, f"{inputs}/{piece.input}/{piece.path}".rstrip("/"))
    return {
        **{name: value for name, value in told.items() if value},
        **job,
        "HEADWATER_INPUT": inputs,
        "HEADWATER_OUTPUT": output,
    }


def environment(recipe: Recipe, folders: Folders, told: Mapping[str, str]) -> dict[str, str]:
    """Returns the whole environment of a command: what users' code gets anyway, what the spec says, and its datum."""
    return user_environment(
        {
            "PYTHONUNBUFFERED": "1",  # so that a log has its lines in order
            **recipe.transform.env,
            **recipe.secrets,
            **told,
            "TMPDIR": str(folders.temporary),
        },
        threads=recipe.threads,
    )


def names_pfs(recipe: Recipe) -> bool:
    """Tells whether a command's words or lines name `/pfs`."""
    transform = recipe.transform
    words = (*transform.command, *transform.stdin, *transform.recovery, *transform.recovery_stdin)
    return any(PLACE in word for word in (*words, *transform.env.values()))


def working_folder(recipe: Recipe, code: Path | None, folders: Folders) -> Path:
    """Returns the folder that a command starts in: the stored code's, unless the spec names another."""
    base = code or folders.work
    return base / recipe.transform.working_folder if recipe.transform.working_folder else base


def program(argv: tuple[str, ...], environment: Mapping[str, str], folder: Path) -> str:
    """Returns the file of a command.

    Raises:
        CommandNotFound: There is none, or it may not be run.
    """
    name, path = argv[0], environment.get("PATH", "")
    if "/" not in name:
        found = shutil.which(name, path=path)
        if found is None:
            raise CommandNotFound(
                f"The command {name!r} is not found.",
                hint=f"It was looked for in {path or 'an empty PATH'}. "
                f"Install it, or store it with `code:` and call it as `./{name}`.",
            )
        return found
    place = folder / name
    if not place.is_file():
        raise CommandNotFound(
            f"The command {name!r} is not found.",
            hint=f"There is no file {place}. A relative path starts at the folder that the command runs in.",
        )
    if not shutil.which(str(place)):
        raise CommandNotFound(
            f"The command {name!r} may not be run.",
            hint="Make it executable (`chmod +x`), and store it again.",
        )
    return str(place)
