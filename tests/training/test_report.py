import re
from html.parser import HTMLParser

import pytest

from headwater.training.report.html import el, join
from headwater.training.report.numbers import number, plain, share
from tests.training.conftest import Made, Workbench

VOID = {"meta", "link", "img", "br"}


class Structure(HTMLParser):
    """Checks that tags close in order, and keeps texts, tags and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = dict(attrs)
        self.attributes |= set(found)
        self.ids += [found["id"] or ""] if "id" in found and tag == "section" else []
        self.links += [found["href"] or ""] if "href" in found else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def made(workbench: Workbench, mixed: bytes) -> Made:
    request = {
        "targets": ["y", "kind"],
        "algorithm": {"params": {"n_estimators": 10}},
        "where": "x > -8",
        "features": {"exclude": ["good"]},
        "gates": [{"metric": "r2", "min": 2}, {"metric": "rmse", "max": 99}, {"no_worse_than": "prod"}],
        "promote": ["dev", "prod"],
    }
    return workbench.make(mixed, request)


@pytest.fixture
def report(made: Made) -> str:
    return made.read("report.html").decode()


def test_the_page_is_wellformed_and_its_links_lead_somewhere(report: str) -> None:
    page = Structure()

    page.feed(report)

    assert page.open == []
    assert {"scores", "target-1", "target-2", "data", "gates", "request", "provenance"} <= set(page.ids)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


def test_the_page_fetches_nothing_and_runs_nothing(report: str) -> None:
    addresses = set(re.findall(r'https?://[^"\s<]+', report))

    assert addresses == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "<script" not in report
    assert "<link" not in report
    assert not re.search(r"\son\w+=", report)
    assert "default-src 'none'" in report
    assert set(re.findall(r'(?:src|href)="(?!#|data:image/png)([^"]*)"', report)) == set()


def test_the_page_tells_what_a_reader_asks_for(report: str, made: Made) -> None:
    for text in (
        "version 7",
        "d@0123456789ab:/deep/d.csv",
        "R²",
        "RMSE",
        "log loss",
        "Coverage",
        "left out by the filter",
    ):
        assert text in report
    assert "Goes to dev, prod by itself" in report
    assert "r2 at least 2" in report
    assert re.search(r'badge bad">fails', report)
    assert re.search(r'badge good">passes', report)
    assert re.search(r'badge">at promotion', report)
    assert number(made.json("scores.json")["y"]["r2"]) in report
    assert "where: x &gt; -8" in report


def test_the_profile_says_types_gaps_and_roles(report: str) -> None:
    rows = {
        row.split("</td>")[0].rpartition(">")[2]: row
        for row in report.split("<tr>")
        if 'class="spark"' in row
    }

    assert set(rows) == {"x", "y", "count", "kind", "good"}
    assert "target, feature" in rows["y"]
    assert "left out" in rows["good"]
    assert "9.2 %" in rows["count"] or "missing" in rows["count"]
    assert "integer" in rows["count"]


def test_elements_escape_texts_and_attributes() -> None:
    assert (
        el("b", '<i a="1">', title='"><script>')
        == '<b title="&quot;&gt;&lt;script&gt;">&lt;i a=&quot;1&quot;&gt;</b>'
    )
    assert join(el("b", "x"), None, "&") == "<b>x</b>&amp;"
    assert el("p", "a\u202eb\x00") == "<p>a\ufffdb\ufffd</p>"
    assert el("p", class_="c", id=None) == '<p class="c"></p>'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.82343, "0.8234"),
        (0.0000123, "1.230e−05"),
        (-1.5, "−1.500"),
        (1234567.0, "1,234,567"),
        (1234.5678, "1,235"),
        (99.999, "100.00"),
        (None, "–"),
        (float("nan"), "–"),
        (float("inf"), "∞"),
        (0.0, "0"),
    ],
)
def test_numbers_are_written_to_be_read(value: float | None, text: str) -> None:
    assert number(value) == text


def test_values_of_data_lose_zeros_that_say_nothing() -> None:
    assert [plain(value) for value in (4.3, 5.8, 1.0, 100.0, None)] == ["4.3", "5.8", "1", "100", "–"]
    assert [share(value) for value in (0.9, 0.8333, 1.0)] == ["90 %", "83.3 %", "100 %"]
