"""Writes numbers as a person reads them."""

import math


def number(value: float | None) -> str:
    """Returns four significant digits, a dash for nothing, and no exponent where it can be read without."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", "−")
    size = abs(value)
    text = (
        f"{value:.3e}"
        if size < 1e-4 or size >= 1e12
        else f"{value:,.{max(0, 3 - math.floor(math.log10(size)))}f}"
    )
    return text.replace("-", "−")


def share(value: float) -> str:
    """Returns a share as per cent: one decimal where it is small, none at the ends."""
    text = f"{100 * value:.1f}"
    return f"{text.removesuffix('.0')} %"


def plain(value: float | None) -> str:
    """Returns the number as `number` does, without zeros that say nothing, as values of data are written."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text
