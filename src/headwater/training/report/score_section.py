"""The table of scores, and one section per target."""

from collections.abc import Iterable, Sequence

import msgspec

from headwater.training.report.content import TargetPart
from headwater.training.report.html import Html, el
from headwater.training.report.numbers import number, share
from headwater.training.report.picture import figure

_METRICS = {
    "r2": "R²",
    "rmse": "RMSE",
    "mse": "MSE",
    "mae": "MAE",
    "accuracy": "accuracy",
    "log_loss": "log loss",
    "f1_macro": "F1 (macro)",
    "auroc": "AUROC",
}
_SHOWN = {
    "regression": ("r2", "rmse", "mae"),
    "classification": ("accuracy", "log_loss", "f1_macro", "auroc"),
}
_BARS = ("r2", "accuracy")


def score_section(targets: Sequence[TargetPart]) -> Html:
    """Returns one table per task: every target and its scores on the test rows."""
    tables = []
    for task, metrics in _SHOWN.items():
        chosen = [(place, target) for place, target in enumerate(targets, 1) if target.task == task]
        if chosen:
            heads = [el("th", "Target")] + [el("th", _METRICS[name], class_="num") for name in metrics]
            heads += [el("th", "Coverage", class_="num")]
            rows = [_score_row(place, target, metrics) for place, target in chosen]
            title = el("h3", f"{task.capitalize()}")
            tables.append(
                el(
                    "div",
                    title,
                    el("div", el("table", el("tr", *heads), *rows), class_="scroll"),
                    class_="card",
                )
            )
    note = "On rows that neither the fit nor its preprocessing has seen."
    return el("section", el("h2", "Scores", el("small", note)), *tables, id="scores")


def _score_row(place: int, target: TargetPart, metrics: Iterable[str]) -> Html:
    cells = []
    for name in metrics:
        value = target.scores.get(name)
        bar = _bar(value) if name in _BARS and value is not None else None
        cells.append(el("td", number(value), bar, class_="num"))
    cells.append(el("td", _coverage(target), class_="num"))
    link = el("a", target.name, href=f"#target-{place}")
    return el("tr", el("td", link, class_="name"), *cells)


def _bar(value: float) -> Html:
    width = 100 * min(1.0, max(0.0, value))
    return el("span", el("i", style=f"width:{width:.1f}%"), class_="bar")


def _coverage(target: TargetPart) -> str:
    if target.confidence is None:
        return "off"
    level, held = target.confidence
    return f"{share(held)} (asked {share(level)})"


def target_section(place: int, target: TargetPart) -> Html:
    """Returns a target's scores, pictures and parameters."""
    order = sorted(_SHOWN[target.task], key=lambda name: name != target.metric)
    tiles = [
        _tile(_METRICS[name], number(target.scores.get(name)), first=name == target.metric) for name in order
    ]
    if target.confidence is not None:
        level, held = target.confidence
        tiles.append(_tile(f"coverage, {share(level)} asked", share(held)))
    if target.width is not None:
        tiles.append(
            _tile(
                "median width of intervals"
                if target.task == "regression"
                else "classes in a set, on average",
                number(target.width),
            )
        )
    heading = el("h2", target.name, el("small", f"{target.task} · {target.algorithm}"))
    pictures = el("div", *(figure(picture) for picture in target.figures), class_="figures")
    return el(
        "section",
        heading,
        el("div", *tiles, class_="tiles"),
        pictures,
        _details(target),
        id=f"target-{place}",
    )


def _tile(label: str, value: str, *, first: bool = False) -> Html:
    return el("div", el("b", value), el("span", label), class_="tile first" if first else "tile")


def _details(target: TargetPart) -> Html:
    rows = [
        el("tr", el("th", name), el("td", el("code", msgspec.json.encode(value).decode()), class_="wrap"))
        for name, value in sorted(target.params.items())
    ]
    features = el("tr", el("th", "learned from"), el("td", ", ".join(target.features), class_="wrap"))
    return el(
        "details",
        el("summary", "Parameters and features"),
        el("div", el("table", *rows, features), class_="card"),
    )
