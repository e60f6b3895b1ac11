"""The command of the pipeline `inference` in pipelines.json: python infer.py REVIEWS MODEL OUTPUT."""

import json
import sys
from pathlib import Path

from network import load


def main(reviews: Path, model: Path, output: Path) -> None:
    """Writes both probabilities of every review to a file of its own."""
    reader = load(model)
    for file in sorted(reviews.iterdir()):
        [(bad, good)] = reader.probabilities([file.read_text(encoding="utf-8")])
        text = json.dumps({"negative": round(bad, 4), "positive": round(good, 4)})
        (output / f"{file.stem}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
