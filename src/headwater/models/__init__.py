"""What a model version is: its files, its predictions and their confidence, its versions and environments.

    predictor = Predictor.load(read)                  # read: path → bytes
    predictor.predict_rows([{"SepalLength": 5.1, …}])
    verify_artifact(read, paths, signer)              # digests and signature

Importing this loads neither numpy nor XGBoost, nor any file of the folder but
the ones whose names are used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.models.artifact import (
        ArtifactReader,
        FileDigest,
        Manifest,
        ManifestTarget,
        Signer,
        TargetInfo,
        Verifier,
        artifact_digest,
        build_manifest,
        file_digest,
        read_manifest,
        sign_manifest,
        verified,
        verify_artifact,
    )
    from headwater.models.confidence import (
        Calibration,
        IntervalCalibration,
        SetCalibration,
        calibrate_intervals,
        calibrate_sets,
        conformal_quantile,
    )
    from headwater.models.environments import Environment
    from headwater.models.errors import (
        ArtifactCorrupt,
        ArtifactFormat,
        EnvironmentExists,
        EnvironmentNotFound,
        GateFailed,
        InvalidEnvironment,
        InvalidGates,
        InvalidModelRef,
        ModelNotFound,
        NothingDeployed,
        NothingToRollBack,
        OutOfOrder,
        PromotionRaced,
        UnknownTarget,
        VersionExists,
        VersionNotFound,
    )
    from headwater.models.gates import GateSpec, TargetScores, gate_mistakes, judge
    from headwater.models.held_out import scores_of
    from headwater.models.layout import Layout, target_folder
    from headwater.models.names import REPO_PREFIX, check_environment_name
    from headwater.models.pins import DeployedPins
    from headwater.models.predictions import ClassTable, NumberTable
    from headwater.models.predictor import Predictor
    from headwater.models.registry import Registry
    from headwater.models.scores import (
        METRICS,
        Metric,
        classification_scores,
        coverage,
        regression_scores,
        set_coverage,
    )

_HOMES = {
    "artifact": (
        "ArtifactReader",
        "FileDigest",
        "Manifest",
        "ManifestTarget",
        "Signer",
        "TargetInfo",
        "Verifier",
        "artifact_digest",
        "build_manifest",
        "file_digest",
        "read_manifest",
        "sign_manifest",
        "verified",
        "verify_artifact",
    ),
    "confidence": (
        "Calibration",
        "IntervalCalibration",
        "SetCalibration",
        "calibrate_intervals",
        "calibrate_sets",
        "conformal_quantile",
    ),
    "environments": ("Environment",),
    "pins": ("DeployedPins",),
    "errors": (
        "ArtifactCorrupt",
        "ArtifactFormat",
        "EnvironmentExists",
        "EnvironmentNotFound",
        "GateFailed",
        "InvalidEnvironment",
        "InvalidGates",
        "InvalidModelRef",
        "ModelNotFound",
        "NothingDeployed",
        "NothingToRollBack",
        "OutOfOrder",
        "PromotionRaced",
        "UnknownTarget",
        "VersionExists",
        "VersionNotFound",
    ),
    "gates": ("GateSpec", "TargetScores", "gate_mistakes", "judge"),
    "held_out": ("scores_of",),
    "layout": ("Layout", "target_folder"),
    "names": ("REPO_PREFIX", "check_environment_name"),
    "predictions": ("ClassTable", "NumberTable"),
    "predictor": ("Predictor",),
    "registry": ("Registry",),
    "scores": ("METRICS", "Metric", "classification_scores", "coverage", "regression_scores", "set_coverage"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "METRICS",
    "REPO_PREFIX",
    "ArtifactCorrupt",
    "ArtifactFormat",
    "ArtifactReader",
    "Calibration",
    "ClassTable",
    "DeployedPins",
    "Environment",
    "EnvironmentExists",
    "EnvironmentNotFound",
    "FileDigest",
    "GateFailed",
    "GateSpec",
    "IntervalCalibration",
    "InvalidEnvironment",
    "InvalidGates",
    "InvalidModelRef",
    "Layout",
    "Manifest",
    "ManifestTarget",
    "Metric",
    "ModelNotFound",
    "NothingDeployed",
    "NothingToRollBack",
    "NumberTable",
    "OutOfOrder",
    "Predictor",
    "PromotionRaced",
    "Registry",
    "SetCalibration",
    "Signer",
    "TargetInfo",
    "TargetScores",
    "UnknownTarget",
    "Verifier",
    "VersionExists",
    "VersionNotFound",
    "artifact_digest",
    "build_manifest",
    "calibrate_intervals",
    "calibrate_sets",
    "check_environment_name",
    "classification_scores",
    "conformal_quantile",
    "coverage",
    "file_digest",
    "gate_mistakes",
    "judge",
    "read_manifest",
    "regression_scores",
    "scores_of",
    "set_coverage",
    "sign_manifest",
    "target_folder",
    "verified",
    "verify_artifact",
]


def __getattr__(name: str) -> Any:  # whatever stands under the name
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
