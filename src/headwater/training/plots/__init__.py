"""Pictures of data and results, as SVG that takes the colours of the page around it.

Each function takes numpy values and returns the bytes of one SVG file. Equal
values give equal bytes. matplotlib is imported by the first picture.
"""

from headwater.training.plots.data import correlation_plot, pair_plot
from headwater.training.plots.results import (
    confusion_plot,
    importance_plot,
    predicted_actual_plot,
    residual_plot,
)

__all__ = [
    "confusion_plot",
    "correlation_plot",
    "importance_plot",
    "pair_plot",
    "predicted_actual_plot",
    "residual_plot",
]
