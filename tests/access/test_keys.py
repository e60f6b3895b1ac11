"""Key files: made once, whole, for their owner's eyes only."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from headwater.access import KeyExposed, Keys, KeyUnavailable, KeyUnusable, Signer


def test_a_secret_is_made_once_and_stays(tmp_path: Path) -> None:
    first = Keys(tmp_path / "keys").token_secret()

    assert Keys(tmp_path / "keys").token_secret() == first
    assert len(first) >= 32


def test_key_files_and_their_folder_are_for_their_owner_alone(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "a" / "keys")

    keys.token_secret()
    Signer(keys).sign(b"x")

    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "a" / "keys").iterdir()}
    assert modes == {"token-secret": 0o600, "signing-key.pem": 0o600}
    assert (tmp_path / "a" / "keys").stat().st_mode & 0o777 == 0o700


RACE = """
import sys
from pathlib import Path
from headwater.access import Keys, Signer
keys = Keys(Path(sys.argv[1]))
sys.stdin.readline()
print(keys.token_secret().decode(), Signer(keys).key_id)
"""


def test_processes_that_need_a_key_at_once_get_the_same_one(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]

    answers = [racer.communicate("go\n")[0] for racer in racers]

    assert len(set(answers)) == 1
    assert answers[0].count(" ") == 1
    assert sorted(path.name for path in folder.iterdir()) == ["signing-key.pem", "token-secret"]


def test_a_key_that_appeared_meanwhile_is_the_one_that_counts(tmp_path: Path) -> None:
    keys = Keys(tmp_path)

    def make_too_late() -> bytes:
        keys.signing_key(lambda: b"first")
        return b"second"

    assert keys.signing_key(make_too_late) == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["signing-key.pem"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_key_that_others_can_read_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, mode: int
) -> None:
    keys = Keys(tmp_path / "keys")
    keys.token_secret()
    keys.token_secret_path.chmod(mode)

    with pytest.raises(KeyExposed) as caught:
        keys.token_secret()

    assert caught.value.hint == f"Run: chmod 600 {keys.token_secret_path}"


def test_a_folder_in_which_others_can_replace_a_key_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    folder.chmod(0o770)

    with pytest.raises(KeyExposed) as caught:
        Keys(folder).token_secret()

    assert caught.value.hint == f"Run: chmod 700 {folder}"


def test_a_secret_may_come_from_a_file_of_the_users(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"s" * 40 + b"\n")
    file.chmod(0o600)

    assert Keys(tmp_path / "keys", token_secret_file=file).token_secret() == b"s" * 40
    assert not (tmp_path / "keys").exists()


def test_a_named_secret_file_that_is_missing_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable, match="nowhere"):
        Keys(tmp_path, token_secret_file=tmp_path / "nowhere").token_secret()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\n" * 40, b"short", b"s" * 20_000])
def test_a_secret_of_the_wrong_length_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    file.chmod(0o600)

    with pytest.raises(KeyUnusable, match=r"bytes"):
        Keys(tmp_path, token_secret_file=file).token_secret()


def test_a_device_or_folder_is_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="regular file"):
        Keys(tmp_path, token_secret_file=Path(os.devnull)).token_secret()
    with pytest.raises(KeyUnavailable):
        Keys(tmp_path, token_secret_file=tmp_path).token_secret()
