"""What can be wrong with an artifact, with what is asked of it, and with versions, environments and gates."""

from collections.abc import Sequence

import msgspec

from headwater.api.documents import PromotionInfo
from headwater.errors import (
    AlreadyExists,
    Conflict,
    Corrupt,
    InvalidInput,
    NotFound,
    Refused,
    VersionMismatch,
    nearest,
)


class ArtifactCorrupt(Corrupt):
    """A file of an artifact is missing, changed, surplus, or not signed by this workspace."""

    kind = "artifact-corrupt"

    def __init__(self, path: str, reason: str) -> None:
        """Names the file and what is wrong with it."""
        super().__init__(
            f"The artifact's file {path} {reason}.",
            hint="Do not use this version: train it again, or import it anew from where it came.",
            details=[{"path": path, "message": reason}],
        )
        self.path, self.reason = path, reason


class ArtifactFormat(VersionMismatch):
    """The artifact was written in a format, or with a kind of model, that this code does not know."""

    kind = "artifact-format"


class UnknownTarget(NotFound):
    """The model has no such target."""

    kind = "unknown-target"

    def __init__(self, target: str, *, targets: Sequence[str]) -> None:
        """Names the target, and the one that was probably meant."""
        near = nearest(target, targets)
        meant = f"Did you mean {near[0]!r}? " if near else ""
        super().__init__(
            f"The model has no target {target!r}.",
            hint=f"{meant}Its targets are {', '.join(map(repr, targets))}.",
        )
        self.target = target


class ModelNotFound(NotFound):
    """No model has this name."""

    kind = "model-not-found"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        """Names the model, and the one that was probably meant or those that exist."""
        near = nearest(name, known)
        listed = f"Models here: {', '.join(known)}." if known else "Train one with `headwater train`."
        super().__init__(
            f"There is no model {name!r}.", hint=f"Did you mean {near[0]!r}?" if near else listed
        )
        self.model = name


class VersionNotFound(NotFound):
    """The model has no such version."""

    kind = "version-not-found"

    def __init__(
        self, model: str, what: str, *, versions: Sequence[int], environments: Sequence[str]
    ) -> None:
        """Names what was asked for, the newest versions there are, and the environments."""
        shown = ", ".join(str(number) for number in sorted(versions))
        places = ", ".join(f"{model}@{name}" for name in ("latest", *environments))
        super().__init__(
            f"{model} has no version {what!r}.",
            hint=f"{model} has version{'s' if len(versions) > 1 else ''} {shown}; or use {places}.",
        )
        self.model, self.what = model, what


class NothingDeployed(NotFound):
    """An environment has no version of the model yet."""

    kind = "nothing-deployed"

    def __init__(self, model: str, environment: str, *, latest: int) -> None:
        """Names both, and the command that brings a version there."""
        super().__init__(
            f"No version of {model} is in {environment}.",
            hint=f"Bring one there: headwater promote {model}@{latest} {environment}",
        )
        self.model, self.environment = model, environment


class InvalidModelRef(InvalidInput):
    """The text does not name one version of one model."""

    kind = "invalid-model-ref"

    def __init__(self, text: str, *, among: Sequence[str] = ()) -> None:
        """Shows the form, or the commits that the beginning of an id fits."""
        if among:
            super().__init__(
                f"{text!r} fits several commits.", hint=f"Give more of the id: {', '.join(among)} …"
            )
        else:
            name = text.partition("@")[0].removeprefix("models/") or "iris"
            super().__init__(
                f"{text!r} does not name a version of a model.",
                hint=f"Write it as {name}@latest, {name}@7, {name}@prod or {name}@<commit id>.",
            )


class InvalidEnvironment(InvalidInput):
    """An environment cannot be made like this."""

    kind = "invalid-environment"

    def __init__(self, name: str, reason: str) -> None:
        """Names the environment and takes the reason as the end of a sentence about the name."""
        super().__init__(
            f"{name!r} cannot be an environment: the name {reason}.",
            hint="Use letters, digits, - and _, such as `staging-eu`.",
        )
        self.environment = name


class EnvironmentNotFound(NotFound):
    """There is no environment of this name."""

    kind = "environment-not-found"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        """Names it and those that exist."""
        super().__init__(
            f"There is no environment {name!r}.",
            hint=f"Environments here: {', '.join(known)}; `headwater env create {name}` makes one.",
        )
        self.environment = name


class EnvironmentExists(AlreadyExists):
    """There is an environment of this name already."""

    kind = "environment-exists"

    def __init__(self, name: str) -> None:
        """Names it."""
        super().__init__(
            f"There is an environment {name!r} already.", hint="`headwater env list` shows them all."
        )
        self.environment = name


class InvalidGates(InvalidInput):
    """Gates have mistakes; `details` has one entry per mistake."""

    kind = "invalid-gates"

    def __init__(self, mistakes: Sequence[tuple[str, str]]) -> None:
        """Takes place and sentence of each mistake."""
        super().__init__(
            "\n".join(f"{place}: {sentence}" for place, sentence in mistakes),
            hint="A gate is such as {metric: rmse, max: 4.5} or {no_worse_than: prod, tolerance: 0.02}.",
            details=[{"field": place, "message": sentence} for place, sentence in mistakes],
        )


class VersionExists(AlreadyExists):
    """The number, or the commit, is a version's already."""

    kind = "version-exists"

    def __init__(self, ref: str) -> None:
        """Names the version."""
        super().__init__(
            f"{ref} is registered already.",
            hint="Take a new number with `next_number`; numbers are never reused.",
        )


class GateFailed(Refused):
    """A version did not pass its gates; nothing was changed, and `details` has every gate that failed."""

    kind = "gate-failed"

    def __init__(self, promotion: PromotionInfo, sentences: Sequence[str]) -> None:
        """Takes the refused promotion as it is kept, and a sentence per gate that failed."""
        failed = [gate for gate in promotion.gates if not gate.passed]
        count = len(failed)
        super().__init__(
            f"{promotion.model}@{promotion.version} was not promoted to {promotion.environment}: "
            f"{count} of {len(promotion.gates)} gate{'s' if len(promotion.gates) > 1 else ''} failed.\n"
            + "\n".join(f"- {sentence}" for sentence in sentences),
            hint="Train a better version, or change the gates of the request or the environment.",
            details=[msgspec.structs.asdict(gate) for gate in failed],
        )
        self.promotion = promotion


class OutOfOrder(Refused):
    """A version was to pass by an environment that it was rolled back from."""

    kind = "promotion-out-of-order"

    def __init__(self, ref: str, environment: str, *, before: str, was_rolled_back: bool) -> None:
        """Names the version, where it should go, and where it has to go first."""
        why = f"was rolled back from {before}" if was_rolled_back else f"has not been in {before}"
        super().__init__(
            f"{ref} cannot enter {environment}: it {why}, which comes before it.",
            hint=f"Promote it there first: headwater promote {ref} {before}",
        )
        self.environment, self.before = environment, before


class PromotionRaced(Conflict):
    """Others promoted into the same environment all the while."""

    kind = "promotion-raced"

    def __init__(self, ref: str, environment: str) -> None:
        """Names the version and the environment."""
        super().__init__(
            f"{ref} was not promoted to {environment}: others promoted into it all the while.",
            hint="Look at what is there now, then promote again.",
        )


class NothingToRollBack(Refused):
    """An environment never had another version of the model to go back to."""

    kind = "nothing-to-roll-back"

    def __init__(self, model: str, environment: str, *, version: int) -> None:
        """Names what is there."""
        super().__init__(
            f"{environment} has had no version of {model} before version {version}.",
            hint=f"Promote the version that should be there: headwater promote {model}@… {environment}",
        )
