"""Judges a request as a whole, before any data is looked at: what its values mean together."""

import re
from collections.abc import Callable

from headwater.errors import did_you_mean
from headwater.models.errors import InvalidEnvironment
from headwater.models.gates import gate_mistakes
from headwater.models.names import check_environment_name
from headwater.training.algorithms import algorithm_named
from headwater.training.errors import InvalidFilter
from headwater.training.request import DATA_FORM, TrainingRequest, data_ref
from headwater.training.row_filter import parse_filter
from headwater.training.shapes import Problem

_MODEL_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")

Wrong = Callable[[str, str], None]


def judge(request: TrainingRequest) -> list[Problem]:
    """Returns every mistake, by field."""
    problems: list[Problem] = []

    def wrong(field: str, message: str) -> None:
        problems.append({"field": field, "message": message})

    if not _MODEL_NAME.fullmatch(request.model):
        wrong("model", f"{request.model!r} is not a name. Use lower-case letters, digits and -.")
    try:
        data_ref(request.data)
    except ValueError:
        wrong("data", f"{request.data!r} names no file. {DATA_FORM}.")
    for name, message in algorithm_named(request.algorithm.name).mistakes(request.algorithm.params):
        wrong(f"algorithm.params.{name}", message)
    _judge_targets(request, wrong)
    _judge_rows(request, wrong)
    _judge_fields(request, wrong)
    _judge_promotion(request, wrong)
    return problems


def _judge_targets(request: TrainingRequest, wrong: Wrong) -> None:
    if isinstance(request.targets, str):
        return
    if not request.targets:
        wrong("targets", "names no column. Name one, a list, or `all`.")
    if len(set(request.targets)) != len(request.targets):
        wrong("targets", "names a column twice.")
    for name in request.task if isinstance(request.task, dict) else ():
        if name not in request.targets:
            wrong(f"task.{name}", f"is not a target. {did_you_mean(name, request.targets)}")


def _judge_rows(request: TrainingRequest, wrong: Wrong) -> None:
    if request.split.test + request.split.validation >= 1:
        wrong("split", "test and validation together leave no rows to train on. Make their sum less than 1.")
    outliers = request.preprocess.outliers
    if outliers is not None and not 0 <= outliers.clip[0] < outliers.clip[1] <= 1:
        wrong("preprocess.outliers.clip", "is two quantiles, the lower first, between 0 and 1.")
    if request.where is not None:
        try:
            parse_filter(request.where)
        except InvalidFilter as error:
            wrong("where", f"{error.message} {error.hint}")


def _judge_fields(request: TrainingRequest, wrong: Wrong) -> None:
    for name, field in request.features.fields.items():
        if not request.features.admits(name):
            wrong(f"features.fields.{name}", "is declared, but the column is left out of the features.")
        if field.min is not None and field.max is not None and field.min > field.max:
            wrong(f"features.fields.{name}", f"has the min {field.min:g} above the max {field.max:g}.")


def _judge_promotion(request: TrainingRequest, wrong: Wrong) -> None:
    for number, gate in enumerate(request.gates):
        for field, message in gate_mistakes(gate):
            wrong(f"gates[{number}]" + (f".{field}" if field else ""), message)
        if (
            isinstance(request.targets, tuple)
            and gate.target is not None
            and gate.target not in request.targets
        ):
            wrong(f"gates[{number}].target", f"is not a target. {did_you_mean(gate.target, request.targets)}")
    for number, name in enumerate(request.promote):
        try:
            check_environment_name(name)
        except InvalidEnvironment as error:
            wrong(f"promote[{number}]", f"{error.message} {error.hint}")
