"""What a request's `algorithm` can name: one protocol, one registry.

`algorithm_named("xgboost")` gives the implementation; its library is imported
by the first fit, so that reading a request stays cheap.
"""

from headwater.training.algorithms.protocol import Algorithm, FittedModel, Labels, Mistake
from headwater.training.algorithms.registry import algorithm_named, algorithm_names

__all__ = ["Algorithm", "FittedModel", "Labels", "Mistake", "algorithm_named", "algorithm_names"]
