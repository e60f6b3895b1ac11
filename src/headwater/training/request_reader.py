"""Reads a training request from YAML, JSON, a mapping or keywords, with all its mistakes at once.

Three steps: short forms are written out (`algorithm: xgboost`), values become
the struct, and the struct is judged as a whole. A field that INTERFACE knows
and this version cannot honour is a mistake that says what is possible, so
that nothing somebody asked for is silently left out.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from headwater.errors import NotFound, did_you_mean
from headwater.training.algorithms import algorithm_names
from headwater.training.document import read_document
from headwater.training.errors import InvalidRequest
from headwater.training.request import ALL, DATA_FORM, TrainingRequest
from headwater.training.request_judgement import judge
from headwater.training.shapes import Problem, build


def read_request(source: str | bytes | Mapping[str, Any]) -> TrainingRequest:
    """Returns the request that a YAML or JSON text, or a mapping of plain values, describes.

    Raises:
        InvalidRequest: It has mistakes; `details` names each field.
    """
    raw = dict(source) if isinstance(source, Mapping) else read_document(source)
    order = [str(name) for name in raw]
    problems: list[Problem] = []
    _refuse_not_yet(raw, problems)
    request = build(_written_out(raw), TrainingRequest, problems)
    if request is not None:
        problems += judge(request)
    if request is None or problems:
        raise InvalidRequest(sorted(problems, key=lambda problem: _place(problem, order)))
    return request


def read_request_file(path: Path) -> TrainingRequest:
    """Returns the request in a YAML or JSON file.

    Raises:
        NotFound: There is no such file.
        InvalidRequest: It has mistakes; `details` names each field.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise NotFound(
            f"There is no file {path}.", hint="Give the path of a training request in YAML or JSON."
        ) from None
    return read_request(data)


def _place(problem: Problem, order: list[str]) -> int:
    name = re.split(r"[.\[]", problem["field"], maxsplit=1)[0]
    return order.index(name) if name in order else -1


def _refuse_not_yet(raw: dict[str, Any], problems: list[Problem]) -> None:
    """Takes out what this version cannot honour, with a mistake for each."""

    def refuse(field: str, message: str) -> None:
        problems.append({"field": field, "message": message})

    if raw.pop("candidates", None) is not None:
        refuse("candidates", "is not available in this version. Name one algorithm under `algorithm`.")
    if raw.pop("tuning", None) is not None:
        refuse(
            "tuning", "is not available in this version. Give the parameters under `algorithm: {params: …}`."
        )
    data = raw.get("data")
    if isinstance(data, Mapping | list):
        what = "An SQL query" if isinstance(data, Mapping) else "A list of joined files"
        raw["data"] = "repo@main:/data.csv"
        refuse("data", f"{what} is data that is not available in this version. {DATA_FORM}.")
    retrain = raw.get("retrain")
    if isinstance(retrain, Mapping) and "every" in retrain:
        raw["retrain"] = None
        refuse(
            "retrain.every",
            "A schedule is not available in this version. Write `retrain: {on: data, rows: 100}`.",
        )
    algorithm = raw.get("algorithm")
    name = algorithm.get("name") if isinstance(algorithm, Mapping) else algorithm
    if isinstance(name, str) and name not in algorithm_names():
        raw.pop("algorithm")
        refuse(
            "algorithm.name",
            f"{name!r} is not available in this version. {did_you_mean(name, algorithm_names())}",
        )


def _metric(name: str) -> dict[str, str]:
    classification = ("accuracy", "log_loss", "f1_macro", "auroc")
    return {"classification": name} if name in classification else {"regression": name}


_SHORT: dict[str, tuple[type | tuple[type, ...], Callable[[Any], Any]]] = {
    "algorithm": (str, lambda value: {"name": value}),
    "metric": (str, _metric),
    "confidence": (
        (str, float),
        lambda value: {"method": value} if isinstance(value, str) else {"level": value},
    ),
    "promote": (str, lambda value: [value]),
    "gates": (dict, lambda value: [value]),
}


def _written_out(raw: Mapping[str, Any]) -> dict[str, Any]:
    full = dict(raw)
    for name, (short, write_out) in _SHORT.items():
        if isinstance(full.get(name), short):
            full[name] = write_out(full[name])
    if full.get("confidence") is False:
        full["confidence"] = {"method": "off"}
    if isinstance(full.get("targets"), str) and full["targets"] != ALL:
        full["targets"] = [full["targets"]]
    return full
