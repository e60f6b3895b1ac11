"""The kind `transform`: a pipeline whose datums are files, and whose result a user's function or command makes.

What such a pipeline's datums are is the inputs' affair, how they are run that
of the worker processes. Here the two are put together: the code that a
version was stored with, on the interpreter and packages that are here now.
"""

from collections.abc import Mapping
from time import monotonic
from typing import Any, NamedTuple

import msgspec
from blake3 import blake3
from sqlalchemy import Connection

from headwater.api.documents import Provenance
from headwater.ids import CommitId
from headwater.pipelines.code import IMAGE, environment_now, fingerprint
from headwater.pipelines.errors import SecretMissing
from headwater.pipelines.inputs import InputPlanner
from headwater.pipelines.kind import Datum, DatumInput, Due, JobView, Members, PlanBase, Planner
from headwater.pipelines.sets import Recipe
from headwater.pipelines.spec import Transform
from headwater.settings import secret_value
from headwater.storage import PortableFile, Storage, Writer

CALL = "pipelines.transform"
_FRESH_S = 60.0
_MOST_KNOWN = 256


class _Code(NamedTuple):
    """The fingerprint of what a job runs, and the id of the image that is in it; empty where no tool knew that."""

    fingerprint: str
    image_id: str


class TransformKind:
    """The kind `transform` of one workspace."""

    name = "transform"
    tries_again = True
    looks_back = False

    def __init__(self, storage: Storage) -> None:
        """Keeps where code is stored."""
        self._storage = storage
        self._codes: dict[bytes, _Code] = {}
        self._images: dict[bytes, tuple[float, Mapping[str, str]]] = {}

    def due(self, job: JobView) -> Due:  # noqa: ARG002 - whatever the job
        """Runs every job."""
        return Due(run=True)

    def planner(self, job: JobView, base: PlanBase | None, writer: Writer) -> Planner:
        """Returns a planner over the inputs of the spec."""
        assert job.spec.input is not None, "a transform without an input is refused when it is created"
        code, identity = self.code(job), _identity(job)

        def make(label: str, inputs: tuple[DatumInput | Members, ...], locator: bytes) -> Datum:
            return Datum(label, inputs, CALL, b"", identity, code, locator=locator)

        return InputPlanner(job.spec.input, job.leaves, base, writer, make=make)

    def recipe(self, job: JobView) -> bytes:
        """Returns how the datums of the job are run, with the secrets that the spec names.

        Raises:
            SecretMissing: One of them is not here.
        """
        return msgspec.msgpack.encode(self.recipe_of(job))

    def recipe_of(self, job: JobView, *, secrets: bool = True) -> Recipe:
        """Returns the recipe as a value; without `secrets` these stay unresolved, and out.

        Raises:
            SecretMissing: A secret is not here.
        """
        spec, transform = job.spec, _transform(job)
        leaves = spec.inputs()
        commits = {
            f"{leaf.name}_COMMIT": view.commit.id for leaf, view in zip(leaves, job.leaves, strict=True)
        }
        return Recipe(
            transform=transform,
            inputs=tuple(dict.fromkeys(leaf.name for leaf in leaves)),
            code_hash=self.code(job),
            code=self._files(job),
            variables={
                "HEADWATER_JOB": job.id,
                "HEADWATER_PIPELINE": job.pipeline,
                "HEADWATER_OUTPUT_COMMIT": job.commit,
                **commits,
            },
            secrets=_secrets(transform.secrets) if secrets else {},
            datum_timeout_s=spec.datum_timeout_s,
            memory=0 if spec.resources is None else spec.resources.memory,
            cpu=0 if spec.resources is None else spec.resources.cpu,
            gpu=0 if spec.resources is None else spec.resources.gpu,
            image_id=self._code(job).image_id,
        )

    def digest(self, job: JobView) -> str | None:
        """Returns what says that only other inputs can give other results."""
        code = self.code(job) if job.spec.reprocess == "on_code_change" else ""
        told = [msgspec.json.encode(job.spec.input, order="sorted"), _identity(job), code]
        return blake3(msgspec.msgpack.encode(told)).hexdigest()

    def code(self, job: JobView) -> str:
        """Returns the fingerprint of the stored code on the interpreter and packages that are here now."""
        return self._code(job).fingerprint

    def _code(self, job: JobView) -> _Code:
        """Returns what a job runs, which stays what it was at its beginning."""
        transform, stored = _transform(job), job.code
        root = b"" if stored is None or stored.root is None else stored.root.hash
        environment = {} if stored is None else stored.environment
        key = msgspec.msgpack.encode(
            [job.id, root, msgspec.json.encode(transform, order="sorted"), dict(environment)]
        )
        found = self._codes.get(key) if job.id else None
        if found is None:
            now = self._image_now(environment, transform) if transform.image else environment_now(environment)
            id = now.get(IMAGE, "") if transform.image else ""
            found = _Code(fingerprint(root, transform, now), "" if id == transform.image else id)
            if len(self._codes) >= _MOST_KNOWN:
                self._codes.clear()
            self._codes[key] = found
        return found

    def _image_now(self, environment: Mapping[str, str], transform: Transform) -> Mapping[str, str]:
        """Returns the environment of an image; asking a tool for it takes its time, so jobs share the answer."""
        key = msgspec.msgpack.encode([transform.image, dict(environment)])
        found = self._images.get(key)
        if found is None or monotonic() - found[0] >= _FRESH_S:
            if len(self._images) >= _MOST_KNOWN:
                self._images.clear()
            found = self._images[key] = monotonic(), environment_now(environment, image=transform.image)
        return found[1]

    def claimed(self, conn: Connection, job: JobView) -> Mapping[str, Any]:  # noqa: ARG002 - needs nothing
        """Takes nothing from the catalog."""
        return {}

    def closing(self, job: JobView) -> Datum | None:  # noqa: ARG002 - for no job
        """Has no closing datum."""
        return None

    def seal(self, written: Mapping[str, bytes]) -> Mapping[str, bytes]:  # noqa: ARG002 - adds nothing
        """Adds nothing."""
        return {}

    def provenance(self, job: JobView) -> list[Provenance]:
        """Names the code."""
        return [Provenance(kind="code", repo="", id=self.code(job), role="code")]

    def message(self, job: JobView) -> str:
        """Names the pipeline and the job."""
        return f"Job {job.id} of pipeline {job.pipeline}"

    def unchanged(self, job: JobView) -> str:  # noqa: ARG002 - says the same of each
        """Says that nothing was to be done."""
        return "Nothing has changed."

    def finished(self, conn: Connection, job: JobView, commit: CommitId) -> str:  # noqa: ARG002 - nothing to record
        """Has nothing to record."""
        return ""

    def _files(self, job: JobView) -> tuple[tuple[str, PortableFile], ...]:
        if job.code is None or job.code.root is None:
            return ()
        entries = self._storage.tree(job.code.root).entries()
        return tuple((entry.path, self._storage.portable(entry)) for entry in entries)


def _transform(job: JobView) -> Transform:
    assert job.spec.transform is not None, "a pipeline of this kind has a transform, or it is refused"
    return job.spec.transform


def _identity(job: JobView) -> bytes:
    """Returns what changes a result beside inputs and code: declared variables, and inputs given as names alone."""
    names_only = sorted({leaf.name for leaf in job.spec.inputs() if leaf.empty_files})
    return msgspec.json.encode([_transform(job).env, names_only], order="sorted")


def _secrets(references: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name, reference in references.items():
        value = secret_value(reference)
        if value is None:
            raise SecretMissing(name, reference)
        found[name] = value
    return found
