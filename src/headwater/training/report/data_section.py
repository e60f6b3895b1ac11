"""The data: what is in each column, and how the columns lie against each other."""

from headwater.training.profile import ColumnProfile
from headwater.training.report.content import Page
from headwater.training.report.html import Html, el
from headwater.training.report.numbers import plain, share
from headwater.training.report.picture import figure

_WIDTH, _HEIGHT = 120, 27


def data_section(page: Page) -> Html:
    """Returns the profile of every column, the pair plot and the correlations."""
    heads = ["Column", "Role", "Type", "Shape", "Missing", "Different", "Least", "Median", "Mean", "Greatest"]
    right = heads[4:]
    head = el("tr", *(el("th", name, class_="num" if name in right else None) for name in heads))
    rows = [_row(column, page.roles.get(column.name, "")) for column in page.profile]
    table = el("div", el("div", el("table", head, *rows), class_="scroll"), class_="card")
    pictures = el("div", *(figure(picture) for picture in page.figures), class_="figures data")
    return el(
        "section",
        el("h2", "Data", el("small", f"{page.rows:,} rows, {len(page.profile)} columns")),
        table,
        pictures,
        id="data",
    )


def _row(column: ColumnProfile, role: str) -> Html:
    missing = f"{column.missing:,} ({share(column.missing / column.rows)})" if column.missing else "0"
    spread = column.spread
    numbers = (
        [plain(spread[0]), plain(spread[2]), plain(column.mean), plain(spread[4])]
        if spread
        else ["", "", "", ""]
    )
    return el(
        "tr",
        el("td", column.name, class_="name"),
        el("td", el("span", role, class_="badge") if role else None),
        el("td", column.kind),
        el("td", _shape(column)),
        el("td", missing, class_="num missing" if column.missing else "num"),
        el("td", f"{column.distinct:,}", class_="num"),
        *(el("td", text, class_="num") for text in numbers),
    )


def _shape(column: ColumnProfile) -> Html | None:
    if not column.shape or not max(column.shape):
        return None
    step = _WIDTH / len(column.shape)
    gap = 1 if column.spread else 3
    bars = [
        el(
            "rect",
            x=f"{place * step:.1f}",
            y=f"{_HEIGHT - height:.1f}",
            width=f"{max(step - gap, 0.8):.1f}",
            height=f"{height:.1f}",
            rx="1",
            fill="currentColor",
        )
        for place, count in enumerate(column.shape)
        if (height := _HEIGHT * count / max(column.shape))
    ]
    told = ", ".join(f"{label}: {count:,}" for label, count in zip(column.top, column.shape, strict=False))
    title = el("title", told) if told else None
    return el(
        "svg", title, *bars, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", class_="spark", preserveAspectRatio="none"
    )
