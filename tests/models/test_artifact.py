"""Artifacts: the manifest covers every file, the signature the manifest, and what does not fit is named."""

from pathlib import Path

import msgspec
import pytest

from headwater.access import Signer
from headwater.models import (
    ArtifactCorrupt,
    ArtifactFormat,
    Layout,
    ManifestTarget,
    TargetInfo,
    artifact_digest,
    build_manifest,
    read_manifest,
    verified,
    verify_artifact,
)
from tests.models.artifact_files import Files, artifact, new_signer, signed

MODEL = "targets/00-price/model.ubj"


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return new_signer(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def whole(signer: Signer) -> Files:
    return signed(artifact({"price": "regression"}), signer)


@pytest.fixture
def files(whole: Files) -> Files:
    return dict(whole)


def test_an_artifact_as_it_was_signed_is_accepted(files: Files, signer: Signer) -> None:
    manifest = verify_artifact(files.__getitem__, files, signer)

    assert (manifest.model, manifest.version) == ("flowers", 7)
    assert manifest.targets == (ManifestTarget("price", "regression", "targets/00-price"),)
    assert sorted([*manifest.files, Layout.MANIFEST, Layout.SIGNATURE]) == sorted(files)


@pytest.mark.parametrize("path", [Layout.SCHEMA, Layout.REPORT, MODEL, "targets/00-price/target.json"])
def test_one_changed_bit_is_found_and_its_file_named(files: Files, signer: Signer, path: str) -> None:
    data = bytearray(files[path])
    data[len(data) // 2] ^= 1
    files[path] = bytes(data)

    with pytest.raises(ArtifactCorrupt) as caught:
        verify_artifact(files.__getitem__, files, signer)

    assert caught.value.path == path
    assert "has changed since it was signed" in caught.value.message


def test_a_file_that_was_cut_is_named_with_both_sizes(files: Files, signer: Signer) -> None:
    size = len(files[MODEL])
    files[MODEL] = files[MODEL][:-1]

    with pytest.raises(ArtifactCorrupt, match=f"{MODEL} has {size - 1} bytes instead of {size}"):
        verify_artifact(files.__getitem__, files, signer)


@pytest.mark.parametrize("path", [MODEL, Layout.MANIFEST, Layout.SIGNATURE])
def test_a_missing_file_is_named(files: Files, signer: Signer, path: str) -> None:
    del files[path]

    with pytest.raises(ArtifactCorrupt, match=f"{path} is missing"):
        verify_artifact(files.__getitem__, files, signer)


def test_a_file_that_nobody_signed_is_named(files: Files, signer: Signer) -> None:
    files["targets/00-price/model.pkl"] = b"cos\nsystem"

    with pytest.raises(ArtifactCorrupt, match=r"model\.pkl is not in the manifest"):
        verify_artifact(files.__getitem__, files, signer)


def test_a_changed_manifest_no_longer_fits_its_signature(files: Files, signer: Signer) -> None:
    files[Layout.MANIFEST] = files[Layout.MANIFEST].replace(b'"version": 7', b'"version": 8')

    with pytest.raises(ArtifactCorrupt, match=r"manifest\.json is not what this workspace signed"):
        verify_artifact(files.__getitem__, files, signer)


def test_the_signature_of_another_workspace_is_refused(files: Files, tmp_path: Path) -> None:
    stranger = new_signer(tmp_path)

    with pytest.raises(ArtifactCorrupt, match=r"manifest\.json is not what this workspace signed"):
        verify_artifact(files.__getitem__, files, stranger)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"signature": 1}', b"\xff"])
def test_a_signature_file_that_holds_none_is_refused(files: Files, signer: Signer, data: bytes) -> None:
    files[Layout.SIGNATURE] = data

    with pytest.raises(ArtifactCorrupt, match=r"signature\.json holds no signature"):
        verify_artifact(files.__getitem__, files, signer)


@pytest.mark.parametrize("data", [b"", b"[]", b'{"format": 1, "model": "x"}', b"\xff\xfe"])
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(ArtifactCorrupt, match=r"manifest\.json is no manifest"):
        read_manifest({Layout.MANIFEST: data}.__getitem__)


def test_a_newer_format_asks_for_a_newer_version() -> None:
    with pytest.raises(
        ArtifactFormat, match="has format 2; this version of Headwater reads up to 1"
    ) as caught:
        read_manifest({Layout.MANIFEST: b'{"format": 2, "shape": "new"}'}.__getitem__)

    assert "Install a newer version" in caught.value.hint


def test_a_verified_reader_checks_only_what_is_read(files: Files, signer: Signer) -> None:
    files[Layout.REPORT] = b"changed"

    read = verified(files.__getitem__, signer)

    assert read(MODEL) == files[MODEL]
    assert read(Layout.MANIFEST) == files[Layout.MANIFEST]
    with pytest.raises(ArtifactCorrupt, match=r"report\.html has 7 bytes instead of 15"):
        read(Layout.REPORT)
    with pytest.raises(ArtifactCorrupt, match=r"secret\.txt is not in the manifest"):
        read("secret.txt")


def test_an_error_of_the_reader_itself_is_not_taken_for_a_missing_file(files: Files, signer: Signer) -> None:
    def broken(path: str) -> bytes:
        raise TimeoutError(path)

    with pytest.raises(TimeoutError):
        verified(broken, signer)


def test_the_digest_of_an_artifact_covers_every_file(whole: Files) -> None:
    other = artifact({"price": "regression"}, version=8)

    assert artifact_digest(whole[Layout.MANIFEST]) == artifact_digest(
        artifact({"price": "regression"})[Layout.MANIFEST]
    )
    assert artifact_digest(whole[Layout.MANIFEST]) != artifact_digest(other[Layout.MANIFEST])


def test_a_manifest_needs_the_files_that_it_speaks_of() -> None:
    with pytest.raises(ArtifactCorrupt, match=r"schema\.json is missing"):
        build_manifest("flowers", 1, [], {})


def test_what_is_known_of_a_target_survives_json_byte_for_byte(whole: Files) -> None:
    data = whole["targets/00-price/target.json"]

    info = TargetInfo.from_json(data)

    assert info.to_json() == data
    with pytest.raises(msgspec.ValidationError):
        TargetInfo.from_json(b"{}")
