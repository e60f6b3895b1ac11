"""One self-contained HTML page about one version of a model.

`render` takes a `Page`, plain values that are ready to be shown, and returns
the document: no script, no address outside the page, every text escaped.
"""

from headwater.training.report.content import Figure, GateLine, Page, TargetPart
from headwater.training.report.page import render

__all__ = ["Figure", "GateLine", "Page", "TargetPart", "render"]
