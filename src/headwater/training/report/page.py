"""Lays the page out: head, scores, targets, data, gates, request and provenance."""

from functools import cache
from importlib.resources import files

from headwater.training.report.content import GateLine, Page
from headwater.training.report.data_section import data_section
from headwater.training.report.html import Html, el
from headwater.training.report.numbers import number
from headwater.training.report.score_section import score_section, target_section

# Nothing may be fetched and nothing may run: styles and pictures are in the page.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def render(page: Page) -> bytes:
    """Returns the whole document, UTF-8; equal pages give equal bytes."""
    title = f"{page.model} version {page.version}"
    head = el(
        "head",
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        el("title", f"{title} · Headwater"),
        el("style", Html(_style())),
    )
    sections = [
        score_section(page.targets),
        *(target_section(number, target) for number, target in enumerate(page.targets, 1)),
        data_section(page),
        _gates(page),
        _request(page),
        _provenance(page),
    ]
    foot = el("footer", f"{title} · made by Headwater from {page.data}")
    body = el("body", _top(page), _menu(page), el("main", *sections, foot))
    return f'<!doctype html>\n<html lang="en">{head}{body}</html>\n'.encode()


@cache
def _style() -> str:
    return files("headwater.training.report").joinpath("page.css").read_text("utf-8")


def _top(page: Page) -> Html:
    first = page.targets[0]
    parts = [("train", first.train_rows), ("validate", first.validation_rows), ("test", first.test_rows)]
    split = ", ".join(f"{count:,} {what}" for what, count in parts if count)
    left_out = f" ({page.rows_left_out:,} more left out by the filter)" if page.rows_left_out else ""
    return el(
        "header",
        el(
            "div",
            el("h1", page.model, " ", el("span", f"version {page.version}")),
            el("p", f"{page.data} · {page.rows:,} rows{left_out}: {split}"),
        ),
        class_="head",
    )


def _menu(page: Page) -> Html:
    links = [("scores", "Scores")]
    links += [(f"target-{number}", target.name) for number, target in enumerate(page.targets, 1)]
    links += [("data", "Data"), ("gates", "Gates"), ("request", "Request"), ("provenance", "Provenance")]
    return el("nav", el("div", *(el("a", text, href=f"#{anchor}") for anchor, text in links)))


def _gates(page: Page) -> Html:
    if not page.gates:
        body = el("div", "The request names no gates.", class_="card quiet")
        return el("section", el("h2", "Gates"), body, id="gates")
    names = el("tr", *(el("th", name) for name in ("Gate", "Target", "Limit", "On test rows", "")))
    rows = [
        el(
            "tr",
            el("td", gate.gate, class_="name"),
            el("td", gate.target, class_="wrap"),
            el("td", number(gate.limit)),
            el("td", number(gate.value)),
            el("td", _verdict(gate)),
        )
        for gate in page.gates
    ]
    goes = f"Goes to {', '.join(page.promote)} by itself as far as its gates let it." if page.promote else ""
    note = el("p", f"Gates run anew at every promotion. {goes}", class_="quiet")
    table = el("div", el("table", names, *rows), class_="scroll")
    return el("section", el("h2", "Gates"), el("div", table, note, class_="card"), id="gates")


def _verdict(gate: GateLine) -> Html:
    if gate.passed is None:
        return el("span", "at promotion", class_="badge")
    return el(
        "span", "passes" if gate.passed else "fails", class_="badge good" if gate.passed else "badge bad"
    )


def _request(page: Page) -> Html:
    return el("section", el("h2", "Request"), el("div", el("pre", page.request), class_="card"), id="request")


def _provenance(page: Page) -> Html:
    rows = [
        el("tr", el("th", name), el("td", el("code", value), class_="wrap"))
        for name, value in page.provenance
    ]
    card = el("div", el("table", *rows), class_="card")
    return el("section", el("h2", "Provenance"), card, id="provenance")
