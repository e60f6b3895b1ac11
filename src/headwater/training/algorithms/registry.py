"""The one list of algorithms; a new one is a line here."""

from functools import cache
from importlib import import_module
from typing import cast

from headwater.training.algorithms.protocol import Algorithm

_ALGORITHMS = {"xgboost": "headwater.training.algorithms.xgboost:XGBoost"}


def algorithm_names() -> tuple[str, ...]:
    """Returns the names that a request may use."""
    return tuple(_ALGORITHMS)


@cache
def algorithm_named(name: str) -> Algorithm:
    """Returns the algorithm; the name is one of `algorithm_names`."""
    module, _, attribute = _ALGORITHMS[name].partition(":")
    return cast(Algorithm, getattr(import_module(module), attribute)())
