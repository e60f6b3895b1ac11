"""Tests a version with real rows: verified, loaded as an endpoint would load it, and asked anew.

What the artifact says of its own scores is not read. A version that it is
compared with predicts the candidate's rows too, so that both are measured on
the same ones; see docs/decisions/041.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from headwater.api.documents import GateResult
from headwater.errors import Corrupt, VersionMismatch
from headwater.features import RowsRefused
from headwater.models.artifact import ArtifactReader, ManifestTarget, read_file, read_manifest
from headwater.models.environments import refuse_mistakes
from headwater.models.errors import ArtifactFormat
from headwater.models.gates import Deployed, GateSpec, TargetScores, compared_with, judge
from headwater.models.held_out import HeldOutRows, read_held_out, scores_of
from headwater.models.layout import Layout
from headwater.models.predictor import Predictor


class Opponent(msgspec.Struct, frozen=True):
    """The version in an environment that gates compare with, none when there is none yet; `read` gives its files."""

    version: int | None
    read: ArtifactReader | None = None


class _Metrics(msgspec.Struct, frozen=True):
    regression: str = "rmse"
    classification: str = "log_loss"


class _Judged(msgspec.Struct, frozen=True):
    """What of a training request matters at a gate."""

    gates: tuple[GateSpec, ...] = ()
    metric: _Metrics = _Metrics()


def run_gates(
    candidate: ArtifactReader,
    own: Sequence[GateSpec],
    opponents: Callable[[str], Opponent | str],
) -> list[GateResult]:
    """Returns what the gates of a version's request, and then the environment's own, find.

    Args:
        candidate: Gives the verified files of the version that shall enter an environment.
        own: The gates of that environment.
        opponents: Gives what is in an environment, by its name, or why that cannot be asked.

    Raises:
        ArtifactCorrupt: The candidate's files do not fit each other.
        ArtifactFormat: One of them, or a gate of its request, is of a newer version.
        InvalidGates: A gate has a mistake.
        MissingExtra: pyarrow or XGBoost is not installed.
    """
    request = _request(candidate)
    gates = (*request.gates, *own)
    refuse_mistakes(gates)
    if not gates:
        return []
    trial = _Trial(candidate, request.metric)
    deployed = {name: trial.against(opponents(name)) for name in compared_with(gates)}
    return judge(gates, trial.results(), deployed)


class _Trial:
    """The candidate's rows, and models that predict them."""

    def __init__(self, read: ArtifactReader, metrics: _Metrics) -> None:
        manifest = read_manifest(read)
        self._targets = manifest.targets
        self._metrics = metrics
        self._predictor = Predictor.load(read)
        self._rows = {
            target.target: read_held_out(read, path, self._predictor.info(target.target))
            for target in manifest.targets
            if (path := f"{target.path}/{Layout.TARGET_TEST}") in manifest.files
        }

    def results(self) -> list[TargetScores]:
        """Returns what the candidate scores."""
        return [
            TargetScores(
                target.target,
                target.task,
                getattr(self._metrics, target.task),
                self._scores(target, self._predictor),
            )
            for target in self._targets
        ]

    def against(self, there: Opponent | str) -> Deployed | str:
        """Returns what another version scores on the same rows, or why it cannot be asked."""
        if isinstance(there, str) or there.read is None:
            return there if isinstance(there, str) else Deployed(None)
        try:
            predictor = Predictor.load(there.read)
        except (Corrupt, VersionMismatch) as error:
            return f"version {there.version} cannot be used. {error.message}"
        scores = {target.target: self._scores(target, predictor) for target in self._targets}
        return Deployed(there.version, scores)

    def _scores(self, target: ManifestTarget, predictor: Predictor) -> Mapping[str, float] | str:
        rows = self._rows.get(target.target)
        if rows is None or not rows.actual:
            return "the version has no rows to test it with"
        reason = None if predictor is self._predictor else _unfit(predictor, target, rows)
        if reason is not None:
            return reason
        try:
            prediction = predictor.predict_columns(rows.columns, [target.target])[target.target]
        except RowsRefused as error:
            return f"the model refuses the test rows. {error.message}"
        return scores_of(prediction, rows.actual)


def _unfit(predictor: Predictor, target: ManifestTarget, rows: HeldOutRows) -> str | None:
    """Returns why another version cannot predict these rows, if it cannot."""
    if target.target not in predictor.targets:
        return "that version has no such target"
    task: Literal["regression", "classification"] = predictor.info(target.target).task
    if task != target.task:
        return f"that version treats it as a {task}"
    problems = predictor.schema.check_columns(rows.columns, predictor.needed([target.target]), limit=1)
    if problems:
        return f"its schema does not fit the test rows. {problems[0].message}"
    return None


def _request(read: ArtifactReader) -> _Judged:
    data = read_file(read, Layout.REQUEST)
    try:
        return msgspec.json.decode(data, type=_Judged)
    except msgspec.MsgspecError as error:
        raise ArtifactFormat(
            f"The gates in {Layout.REQUEST} cannot be read: {error}.",
            hint="Install the version of Headwater that made this version, or a newer one.",
        ) from None
