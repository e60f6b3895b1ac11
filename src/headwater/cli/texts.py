"""How figures and names look to a person."""

import re

# What moves the cursor, colours the screen, or turns the direction of writing: names may hold any sign.
_ACTIVE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Writes signs that would act on a terminal, or break a line, as what they are."""
    return _ACTIVE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def second_text(time: str) -> str:
    """Writes a time without the fraction of its second: `2026-10-02T09:30:00Z`."""
    whole, point, _ = time.partition(".")
    return whole + "Z" if point else time


def score_text(scores: dict[str, float], *names: str) -> str:
    """Writes the named scores that there are: `r2 0.976, rmse 0.131`."""
    return ", ".join(f"{name} {scores[name]:.3f}" for name in names if name in scores)
