"""XGBoost, by the parameter names of its scikit-learn interface (`eta`, `seed`, `nthread` … are understood too).

Fits go through XGBoost's own `train`: it gives the same trees as
`XGBRegressor.fit`, and, other than `XGBClassifier`, it accepts a fold that
lacks a class, as five-fold calibration of a rare class needs. Models are
saved as UBJSON, which holds no code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from headwater.errors import nearest
from headwater.training.algorithms.protocol import Labels, Mistake
from headwater.training.errors import FitFailed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TREES = "n_estimators"
_DEFAULT_TREES = 100
_TWO = 2  # classes that XGBoost gives one probability for
_ALIASES = {
    "alpha": "reg_alpha",
    "eta": "learning_rate",
    "lambda": "reg_lambda",
    "min_split_loss": "gamma",
    "nthread": "n_jobs",
    "num_boost_round": _TREES,
    "num_round": _TREES,
    "seed": "random_state",
}
_REGRESSION = (
    "reg:squarederror",
    "reg:absoluteerror",
    "reg:pseudohubererror",
    "reg:squaredlogerror",
    "reg:gamma",
    "reg:tweedie",
    "count:poisson",
)
_CLASSIFICATION = ("binary:logistic", "multi:softprob")


@dataclass(frozen=True)
class _Number:
    low: float
    high: float = float("inf")
    whole: bool = False
    above: bool = False  # greater than `low`, not equal to it

    def mistake(self, value: Any) -> str | None:
        right = isinstance(value, int if self.whole else int | float) and not isinstance(value, bool)
        if right and (self.low < value if self.above else self.low <= value) and value <= self.high:
            return None
        noun = "a whole number" if self.whole else "a number"
        top = "" if self.high == float("inf") else f" and at most {self.high:g}"
        return f"is {noun} {'above' if self.above else 'of at least'} {self.low:g}{top}, not {value!r}."


@dataclass(frozen=True)
class _Choice:
    values: tuple[str, ...]

    def mistake(self, value: Any) -> str | None:
        return None if value in self.values else f"is one of {', '.join(self.values)}, not {value!r}."


_SHARE = _Number(0, 1, above=True)
_COUNT = _Number(0, whole=True)
_KNOWN: dict[str, _Number | _Choice] = {
    _TREES: _Number(1, whole=True),
    "base_score": _Number(float("-inf")),
    "colsample_bylevel": _SHARE,
    "colsample_bynode": _SHARE,
    "colsample_bytree": _SHARE,
    "gamma": _Number(0),
    "grow_policy": _Choice(("depthwise", "lossguide")),
    "learning_rate": _Number(0, 1, above=True),
    "max_bin": _Number(2, whole=True),
    "max_delta_step": _Number(0),
    "max_depth": _COUNT,
    "max_leaves": _COUNT,
    "min_child_weight": _Number(0),
    "n_jobs": _Number(1, whole=True),
    "num_parallel_tree": _Number(1, whole=True),
    "objective": _Choice(_REGRESSION + _CLASSIFICATION),
    "random_state": _COUNT,
    "reg_alpha": _Number(0),
    "reg_lambda": _Number(0),
    "scale_pos_weight": _Number(0, above=True),
    "subsample": _SHARE,
    "tree_method": _Choice(("auto", "exact", "approx", "hist")),
    "tweedie_variance_power": _Number(1, 2, above=True),
}
_NOT_YET = (
    "booster",
    "callbacks",
    "device",
    "early_stopping_rounds",
    "enable_categorical",
    "eval_metric",
    "feature_types",
    "importance_type",
    "interaction_constraints",
    "max_cat_threshold",
    "max_cat_to_onehot",
    "missing",
    "monotone_constraints",
    "multi_strategy",
    "sampling_method",
    "validate_parameters",
    "verbosity",
)


@dataclass(frozen=True)
class _Fitted:
    booster: Any  # XGBoost ships no types
    columns: int
    classes: int

    def predict(self, matrix: "NDArray[np.floating[Any]]") -> "NDArray[np.float64]":
        import numpy as np

        values = np.asarray(self.booster.inplace_predict(matrix), dtype=np.float64)
        return np.column_stack([1 - values, values]) if self.classes == _TWO else values

    def importances(self) -> "NDArray[np.float64]":
        import numpy as np

        gains = np.zeros(self.columns)
        for name, gain in self.booster.get_score(importance_type="total_gain").items():
            gains[int(name[1:])] = gain
        total = gains.sum()
        return gains / total if total > 0 else gains

    def save(self) -> bytes:
        return bytes(self.booster.save_raw(raw_format="ubj"))


class XGBoost:
    """Gradient-boosted trees of the XGBoost library; see `Algorithm`."""

    name = "xgboost"
    file = "model.ubj"

    def mistakes(self, params: Mapping[str, Any], task: str | None = None) -> list[Mistake]:
        """Returns unknown names, values out of range, and names given twice."""
        found: list[Mistake] = []
        seen: dict[str, str] = {}
        for given, value in params.items():
            name = _ALIASES.get(given, given)
            if name in seen:
                found.append((given, f"is the same as {seen[name]!r}. Give one of them."))
            seen[name] = given
            message = _KNOWN[name].mistake(value) if name in _KNOWN else _unknown(given)
            if message is not None:
                found.append((given, message))
        fitting = _CLASSIFICATION if task == "classification" else _REGRESSION
        if task is not None and params.get("objective", fitting[0]) not in fitting:
            found.append(
                (
                    "objective",
                    f"{params['objective']!r} is not for {task}. Leave it out, or use {fitting[0]}.",
                )
            )
        return found

    def resolved(self, params: Mapping[str, Any], *, seed: int) -> dict[str, Any]:
        """Returns the parameters under their scikit-learn names."""
        named = {_ALIASES.get(name, name): value for name, value in params.items()}
        return {_TREES: _DEFAULT_TREES, "random_state": seed} | named

    def load(self) -> None:
        """Imports XGBoost."""
        import_module("xgboost")

    def fit(
        self, matrix: "NDArray[np.floating[Any]]", labels: Labels, params: Mapping[str, Any], *, threads: int
    ) -> _Fitted:
        """Returns the boosted trees."""
        import xgboost

        settings = {"n_jobs": threads} | {name: value for name, value in params.items() if name != _TREES}
        settings |= _objective(labels, settings.get("objective"))
        try:
            data = xgboost.DMatrix(matrix, labels.values, nthread=settings["n_jobs"])
            booster = xgboost.train(settings, data, params[_TREES], verbose_eval=False)
        except xgboost.core.XGBoostError as error:
            reason = str(error).strip().splitlines()[-1]
            raise FitFailed(
                f"XGBoost refused to fit: {reason}",
                hint="Mend the named parameter, or look at the target's values.",
            ) from None
        return _Fitted(booster, matrix.shape[1], labels.classes)


def _objective(labels: Labels, asked: str | None) -> dict[str, Any]:
    if labels.task == "regression":
        return {"objective": asked or "reg:squarederror"}
    if labels.classes == _TWO:
        return {"objective": "binary:logistic"}
    return {"objective": "multi:softprob", "num_class": labels.classes}


def _unknown(name: str) -> str:
    if name in _NOT_YET:
        return "is a parameter of XGBoost that is not available in this version."
    close = nearest(name, (*_KNOWN, *_ALIASES))
    meant = f" Did you mean {close[0]!r}?" if close else f" It has {', '.join(sorted(_KNOWN))}."
    return f"is not a parameter of xgboost.{meant}"
