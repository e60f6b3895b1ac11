"""A stage for dvc: counts the words of every file below one folder into a file of another."""

import sys
from pathlib import Path

from work import count_words

source, target = Path(sys.argv[1]), Path(sys.argv[2])
target.mkdir(exist_ok=True)
for file in source.rglob("*.txt"):
    count_words(str(file), str(target / file.relative_to(source).as_posix().replace("/", "-")))
