"""What endpoints saw and answered: the log of predictions.

    log = PredictionLog(folder / "spool", repos, clock=clock)
    app = App(endpoints, sink=log)                    # each answer is durable before it leaves
    log.find("01M7YR76MCX6K9QKPZ28TQ7RRK").record     # committed by now, if it was not

`PredictionLog` is serving's `PredictionSink`.
"""

from typing import TYPE_CHECKING, Any

from headwater.monitoring.errors import InvalidEndpointName, LogClosed, PredictionNotFound

if TYPE_CHECKING:
    from headwater.monitoring.committed import Found
    from headwater.monitoring.layout import is_prediction_id
    from headwater.monitoring.log import PredictionLog

__all__ = [
    "Found",
    "InvalidEndpointName",
    "LogClosed",
    "PredictionLog",
    "PredictionNotFound",
    "is_prediction_id",
]

_LAZY = {"Found": "committed", "is_prediction_id": "layout", "PredictionLog": "log"}


def __getattr__(name: str) -> Any:  # whatever stands under the name
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
