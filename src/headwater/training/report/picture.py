"""Puts a finished picture on the page."""

from headwater.training.report.content import Figure
from headwater.training.report.html import Html, el


def figure(picture: Figure) -> Html:
    """Returns a picture with its caption."""
    caption = el("figcaption", picture.caption) if picture.caption else None
    return el("figure", Html(picture.svg.decode()), caption, class_="small" if picture.small else None)
