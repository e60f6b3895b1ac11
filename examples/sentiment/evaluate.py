"""Trains on one table of reviews and says how many of another it tells right: python evaluate.py TRAIN TEST [--epochs N …]."""

import argparse
from dataclasses import fields
from pathlib import Path

from network import Options, read_rows, train


def main() -> None:
    """Prints the accuracy on the second table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    for field in fields(Options):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default
        )
    given = vars(parser.parse_args())
    rows, others = (read_rows(given.pop(name).read_text(encoding="utf-8")) for name in ("train", "test"))
    reader, _ = train(rows, Options(**given))
    print(f"{len(rows)} reviews read, accuracy on {len(others)} others: {reader.accuracy(others):.3f}")


if __name__ == "__main__":
    main()
