"""The files of a model version: what they say, how they are sealed, how they are checked.

The manifest lists every other file with size and digest, and the signature is
over the manifest's bytes; so whoever trusts the signature trusts every file.
Models are kept in formats that hold no code, so reading one runs none.

Knows nothing of repos: files are read through a function from path to bytes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Literal, Protocol

import msgspec
from blake3 import blake3

from headwater.access import SignatureInvalid
from headwater.api.documents import TargetRows
from headwater.errors import NotFound
from headwater.features import Transform
from headwater.models.confidence import Calibration
from headwater.models.errors import ArtifactCorrupt, ArtifactFormat
from headwater.models.layout import Layout

FORMAT = 1

ArtifactReader = Callable[[str], bytes]
"""Returns a file of the artifact by its path; raises `NotFound` or `KeyError` where there is none."""

Class = bool | int | float | str
Task = Literal["regression", "classification"]


class FileDigest(msgspec.Struct, frozen=True):
    """What a file must be: its length, and blake3 over its bytes in hexadecimal."""

    size: int
    blake3: str


class ManifestTarget(msgspec.Struct, frozen=True):
    """A target and the folder of its files."""

    target: str
    task: Task
    path: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an artifact is and which files belong to it; it covers all but itself and the signature."""

    format: int = FORMAT
    model: str
    version: int
    targets: tuple[ManifestTarget, ...]
    files: dict[str, FileDigest]

    def to_json(self) -> bytes:
        """Returns the bytes that are signed; equal manifests give equal bytes."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=2)


class TargetInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One target of a version: all that its predictions depend on besides the model's own bytes.

    `features` are fields of the schema; `transform` reads no others. The
    model file's ending says its format. `classes` are in the order of the
    model's outputs and empty for regression.
    """

    target: str
    task: Task
    algorithm: str
    params: dict[str, Any]
    file: str = "model.ubj"
    features: tuple[str, ...]
    transform: Transform
    classes: tuple[Class, ...] = ()
    confidence: Calibration | None = None
    rows: TargetRows
    seconds: float = 0.0

    def to_json(self) -> bytes:
        """Returns the bytes of `target.json`."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)

    @staticmethod
    def from_json(data: bytes) -> "TargetInfo":
        """Returns what `to_json` wrote.

        Raises:
            msgspec.ValidationError: It is something else.
        """
        return msgspec.json.decode(data, type=TargetInfo)


class Signer(Protocol):
    """Signs with the workspace's key."""

    def sign(self, data: bytes) -> str:
        """Returns a signature over the bytes."""
        ...


class Verifier(Protocol):
    """Knows which signatures are good."""

    def verify(self, data: bytes, signature: str) -> None:
        """Returns when the signature is one over these bytes.

        Raises:
            SignatureInvalid: It is not.
        """
        ...


class _Signature(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `signature.json`: a signature over the manifest's bytes."""

    format: int = FORMAT
    signature: str


def file_digest(data: bytes) -> FileDigest:
    """Returns what the manifest says of a file with these bytes."""
    return FileDigest(len(data), blake3(data).hexdigest())


def build_manifest(
    model: str, version: int, targets: Iterable[ManifestTarget], files: Mapping[str, FileDigest]
) -> Manifest:
    """Returns the manifest of an artifact.

    Args:
        model: The model's name.
        version: The version's number.
        targets: In the order in which answers name them.
        files: Every file but the manifest and the signature, by its path in the artifact.

    Raises:
        ArtifactCorrupt: A target's file is not among them.
    """
    covered = {path: files[path] for path in sorted(files) if path not in (Layout.MANIFEST, Layout.SIGNATURE)}
    manifest = Manifest(model=model, version=version, targets=tuple(targets), files=covered)
    for path in (Layout.SCHEMA, *(f"{target.path}/{Layout.TARGET_INFO}" for target in manifest.targets)):
        if path not in covered:
            raise ArtifactCorrupt(path, "is missing")
    return manifest


def sign_manifest(manifest: bytes, signer: Signer) -> bytes:
    """Returns the contents of `signature.json` for the bytes of `manifest.json`."""
    document = _Signature(signature=signer.sign(manifest))
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def artifact_digest(manifest: bytes) -> str:
    """Returns the digest of a whole artifact: blake3 over its manifest's bytes, which cover every other file."""
    return file_digest(manifest).blake3


def read_manifest(read: ArtifactReader) -> Manifest:
    """Returns the manifest, as it is, unverified.

    Raises:
        ArtifactCorrupt: It is missing or is no manifest.
        ArtifactFormat: A newer version wrote it.
    """
    return _parse_manifest(read_file(read, Layout.MANIFEST))


def verified(read: ArtifactReader, verifier: Verifier) -> ArtifactReader:
    """Returns a reader that gives only files that are what was signed.

    The signature is checked here, each file when it is read; a file that the
    manifest does not name is refused. So what is never read costs nothing.

    Raises:
        ArtifactCorrupt: The manifest is missing, changed, or not signed by
            this workspace; the reader raises it for other files.
        ArtifactFormat: A newer version wrote it.
    """
    manifest_bytes, signature_bytes = read_file(read, Layout.MANIFEST), read_file(read, Layout.SIGNATURE)
    _check_signature(manifest_bytes, signature_bytes, verifier)
    files = _parse_manifest(manifest_bytes).files
    sealed = {Layout.MANIFEST: manifest_bytes, Layout.SIGNATURE: signature_bytes}
    read_matching = matching(read, files)
    return lambda path: sealed[path] if path in sealed else read_matching(path)


def matching(read: ArtifactReader, files: Mapping[str, FileDigest]) -> ArtifactReader:
    """Returns a reader that gives only files of these digests, and refuses files that are not among them.

    Raises:
        ArtifactCorrupt: The reader raises it, for the file that is asked for.
    """

    def read_matching(path: str) -> bytes:
        expected = files.get(path)
        if expected is None:
            raise ArtifactCorrupt(path, "is not in the manifest")
        data = read_file(read, path)
        if len(data) != expected.size:
            raise ArtifactCorrupt(path, f"has {len(data)} bytes instead of {expected.size}")
        if file_digest(data) != expected:
            raise ArtifactCorrupt(path, "has changed since it was signed")
        return data

    return read_matching


def verify_artifact(read: ArtifactReader, paths: Collection[str], verifier: Verifier) -> Manifest:
    """Reads every file of an artifact and returns its manifest when all are what was signed.

    Args:
        read: Gives a file by its path.
        paths: The files that are there.
        verifier: Knows the signatures of this workspace.

    Raises:
        ArtifactCorrupt: Names the first file that is missing, surplus, changed or not signed.
        ArtifactFormat: A newer version wrote it.
    """
    read_verified = verified(read, verifier)
    manifest = _parse_manifest(read_verified(Layout.MANIFEST))
    there = set(paths) - {Layout.MANIFEST, Layout.SIGNATURE}
    for path in sorted(there - manifest.files.keys()):
        raise ArtifactCorrupt(path, "is not in the manifest")
    for path in sorted(manifest.files):
        if path not in there:
            raise ArtifactCorrupt(path, "is missing")
        read_verified(path)
    return manifest


def read_file(read: ArtifactReader, path: str) -> bytes:
    """Returns a file of the artifact.

    Raises:
        ArtifactCorrupt: It is not there.
    """
    try:
        return read(path)
    except (NotFound, KeyError, FileNotFoundError):
        raise ArtifactCorrupt(path, "is missing") from None


def _check_signature(manifest: bytes, signature: bytes, verifier: Verifier) -> None:
    try:
        document = msgspec.json.decode(signature, type=_Signature)
    except msgspec.DecodeError:
        raise ArtifactCorrupt(Layout.SIGNATURE, "holds no signature") from None
    try:
        verifier.verify(manifest, document.signature)
    except SignatureInvalid as error:
        raise ArtifactCorrupt(
            Layout.MANIFEST, f"is not what this workspace signed: {error.message}"
        ) from None


class _Header(msgspec.Struct, frozen=True):
    format: int


def _parse_manifest(data: bytes) -> Manifest:
    try:
        found = msgspec.json.decode(data, type=_Header).format
        if found > FORMAT:
            raise ArtifactFormat(
                f"The artifact has format {found}; this version of Headwater reads up to {FORMAT}.",
                hint="Install a newer version of Headwater.",
            )
        return msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtifactCorrupt(Layout.MANIFEST, f"is no manifest ({error})") from None
