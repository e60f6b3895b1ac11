"""How versions and environments are named: `iris@prod`, `iris@7`, `iris@latest`, `iris@<commit id>`.

What stands after the `@` is read in one order: `latest`, an environment, the
number of a version, a commit id or the beginning of one. Names that could be
taken for another of these cannot be environments.
"""

import re

import msgspec

from headwater.models.errors import InvalidEnvironment, InvalidModelRef

LATEST = "latest"
REPO_PREFIX = "models/"
_RESERVED = ("main", LATEST)
_MODEL_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
COMMIT_PREFIX = re.compile(r"[0-9a-f]{8,32}")
# More digits than any version has would not fit into the catalog.
NUMBER = re.compile(r"[0-9]{1,18}")


class ModelRef(msgspec.Struct, frozen=True):
    """A model's name and what of it is meant."""

    model: str
    what: str


def parse_ref(text: str) -> ModelRef:
    """Returns the parts of `iris@prod`; a leading `models/` is understood.

    Raises:
        InvalidModelRef: The text has another form.
    """
    model, at, what = text.removeprefix(REPO_PREFIX).partition("@")
    if not at or not what or not _MODEL_NAME.fullmatch(model):
        raise InvalidModelRef(text)
    return ModelRef(model, what)


def check_environment_name(name: str) -> None:
    """Returns when an environment may have this name.

    Raises:
        InvalidEnvironment: It is reserved, could be a version or a commit id, or has other characters.
    """
    if name in _RESERVED:
        raise InvalidEnvironment(name, "is reserved")
    if name.isdecimal():
        raise InvalidEnvironment(name, "would be read as a version")
    if COMMIT_PREFIX.fullmatch(name):
        raise InvalidEnvironment(name, "would be read as a commit id")
    if not _ENVIRONMENT_NAME.fullmatch(name):
        raise InvalidEnvironment(name, "has characters that a branch cannot have, or is too long")
