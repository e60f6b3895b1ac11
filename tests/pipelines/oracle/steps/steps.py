"""What the pipelines of random programs run.

A datum's output is named after all that it sees, so no two write one path, and
holds all of it, so a mistake anywhere upstream shows. A text with POISON in it
fails. `EDITION` stands for a change of the code.
"""

import hashlib
from typing import Any

EDITION = 1


def work(out: Any, **inputs: Any) -> None:
    """Writes one file that says what the datum saw."""
    given = {
        name: one for name, one in inputs.items() if one is not None
    }  # an outer join may have one side only
    seen = sorted((name, file.path, file.read_text()) for name, one in given.items() for file in one.files())
    if any("POISON" in text for _, _, text in seen):
        message = "this datum is poisoned"
        raise ValueError(message)
    digest = hashlib.sha256(repr([(name, path) for name, path, _ in seen]).encode()).hexdigest()[:10]
    letter = min((path[:1] for _, path, _ in seen), default="z")
    lines = [f"{name} {path} {hashlib.sha256(text.encode()).hexdigest()[:12]}" for name, path, text in seen]
    out.write(f"{letter}-{digest}.txt", "\n".join([f"edition {EDITION}", *lines]))
