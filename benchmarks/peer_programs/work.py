"""The work itself, the same for everybody: read a small file, count its words, write a small file."""

import sys
import time
from collections.abc import Callable
from pathlib import Path


def count_words(source: str, target: str) -> None:
    """Reads one file and writes another."""
    text = Path(source).read_text()
    Path(target).write_text(f"{len(text.split())}\n")


def folders() -> tuple[list[tuple[str, str]], int]:
    """Returns the files to read with those to write, and how many processes to use, from the command line."""
    source, target, processes = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    names = sorted(file.name for file in source.iterdir())
    return [(str(source / name), str(target / name)) for name in names], processes


def timed(run: Callable[[], object]) -> None:
    """Runs once and prints the seconds."""
    started = time.perf_counter()
    run()
    sys.stdout.write(f"{time.perf_counter() - started}\n")
