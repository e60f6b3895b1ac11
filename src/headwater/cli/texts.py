"""How figures look to a person."""


def size_text(size: int | None) -> str:
    """Writes a size for a person: `4.9 kB`, with 1 kB = 1,000 bytes."""
    if size is None:
        return "-"
    number, units = float(size), ["B", "kB", "MB", "GB", "TB"]
    while number >= 1000 and len(units) > 1:
        number /= 1000
        units.pop(0)
    return f"{number:.0f} {units[0]}" if units[0] == "B" else f"{number:.1f} {units[0]}"


def score_text(scores: dict[str, float], *names: str) -> str:
    """Writes the named scores that there are: `r2 0.976, rmse 0.131`."""
    return ", ".join(f"{name} {scores[name]:.3f}" for name in names if name in scores)
