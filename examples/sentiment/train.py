"""The command of the pipeline `model` in pipelines.json: python train.py INPUT OUTPUT [--epochs N …]."""

import argparse
import json
from dataclasses import fields
from pathlib import Path

from network import Options, read_rows, train


def main() -> None:
    """Trains on every file of the first folder, and writes the model into the second."""
    parser = argparse.ArgumentParser()
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    for field in fields(Options):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default
        )
    given = vars(parser.parse_args())
    source, target = given.pop("input"), given.pop("output")
    rows = [
        row
        for file in sorted(filter(Path.is_file, source.rglob("*")))
        for row in read_rows(file.read_text(encoding="utf-8"))
    ]
    reader, epochs = train(rows, Options(**given))
    reader.save(target)
    text = json.dumps({"reviews": len(rows), "epochs": epochs}, indent=1)
    (target / "training.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
