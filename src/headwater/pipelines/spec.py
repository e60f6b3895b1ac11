"""The spec of a pipeline: the only thing that the engine knows about it.

A spec says what goes in, what makes the result (`kind` and its `parameters`,
which only that kind reads) and which branch of which repo the result becomes.
Its canonical bytes decide whether an update is a new version of the pipeline.

Input algebra: `files` stands here; further forms are further tags of `Input`.
"""

from typing import Annotated, Any, Literal

import msgspec

from headwater.pipelines.errors import InvalidSpec

Reprocess = Literal["on_code_change", "until_success", "every_job"]


class FilesInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="files", tag_field="input"):
    """Files of one repo that match a glob, read at a branch's head or at a fixed commit.

    A `reference` input is seen by the code but is not part of a result's
    identity: a change in it recomputes nothing.
    """

    name: str
    repo: str
    branch: str = "main"
    glob: str = "/"
    commit: str | None = None
    reference: bool = False


Input = FilesInput


class OutputSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the result goes."""

    repo: str
    branch: str = "main"


class PipelineSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pipeline: inputs, what is made of them, and where the result goes.

    `follow` starts a job whenever an input branch gets a commit. At most
    `parallelism` datums run at once, 0 leaving that to the executor;
    `datum_tries` counts how often a datum is tried whose process died. What
    code a result was made with is part of what it depends on only with
    `on_code_change`; with `every_job` nothing is remembered.
    """

    name: str
    kind: str
    input: Input
    output: OutputSpec
    parameters: dict[str, Any] = {}
    reprocess: Reprocess = "on_code_change"
    parallelism: Annotated[int, msgspec.Meta(ge=0)] = 0
    datum_tries: Annotated[int, msgspec.Meta(ge=1)] = 3
    follow: bool = True

    def canonical(self) -> bytes:
        """Returns the bytes that equal specs share: JSON with sorted keys."""
        return msgspec.json.encode(self, order="sorted")

    def inputs(self) -> tuple[FilesInput, ...]:
        """Returns the leaves of the input, in the order in which they are written."""
        return (self.input,)


def read_spec(data: bytes) -> PipelineSpec:
    """Returns the spec that `canonical` wrote.

    Raises:
        InvalidSpec: The bytes are not a spec of this version.
    """
    try:
        return msgspec.json.decode(data, type=PipelineSpec)
    except msgspec.DecodeError as error:
        raise InvalidSpec(
            f"A stored pipeline spec cannot be read: {error}.", hint="Submit it again."
        ) from None
