"""The gateway as its page tells it: started from the command line, used with the real aws command line."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.stories.program import Command, Running, environment, program_in

PAGE = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text("utf-8")
AWS = str(Path(sys.executable).with_name("aws"))
MARK = "<!-- run by tests/stories/test_gateway_by_hand.py -->\n"


def blocks() -> list[list[str]]:
    """Returns the lines of the page's blocks of commands."""
    return [block.strip().splitlines() for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)]


@dataclass(frozen=True)
class Site:
    """A folder with a workspace, a gateway beside it, and the aws command line with the keys of a token."""

    folder: Path
    headwater: Command
    running: Running
    token: dict[str, Any]

    @property
    def url(self) -> str:
        url: str = self.running.document()["url"]
        return url

    def aws(self, *words: str, token: dict[str, Any] | None = None, status: int = 0) -> str:
        keys = token or self.token
        variables = {
            "AWS_ACCESS_KEY_ID": keys["access_key"],
            "AWS_SECRET_ACCESS_KEY": keys["secret_key"],
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }
        done = subprocess.run(
            [AWS, *words],
            cwd=self.folder,
            env=environment() | variables,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == status, done
        return done.stdout + done.stderr

    def make_token(self, *words: str) -> dict[str, Any]:
        made: dict[str, Any] = self.headwater("token", "create", "--json", *words).document
        return made


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("gateway")
    headwater = program_in(folder)
    init, create, token, gateway = (line.replace('"my laptop"', "laptop").split()[1:] for line in blocks()[0])
    headwater(*init)
    headwater(*create)
    made = headwater(*token, "--json").document
    (folder / "review.txt").write_text("A fine film.")
    (folder / "folder" / "sub").mkdir(parents=True)
    for name in ("a b.txt", "c+d%.txt", "sub/ü.txt"):
        (folder / "folder" / name).write_text(name)
    words = [*(word if word != "9000" else "0" for word in gateway), "--json"]
    running = Running(folder, tuple(words), 0)
    yield Site(folder, headwater, running, made)
    assert running.end().status == 0


def test_every_block_of_commands_is_run_here() -> None:
    assert re.findall(r"(?:(.*\n)|\n)```bash\n", PAGE) == [MARK] * 2


def test_the_commands_of_the_page_work_as_they_are_written(site: Site) -> None:
    said = {}
    for line in blocks()[1]:
        program, *words = line.split()
        said[line] = site.aws(*words) if program == "aws" else site.headwater(*words).out

    listed = next(text for line, text in said.items() if line.startswith("aws s3 ls"))
    assert re.search(r" 12 1\.txt$", listed, re.MULTILINE)
    assert (site.folder / "back.txt").read_text() == "A fine film."
    presigned = next(text for line, text in said.items() if "presign" in line).strip()
    assert httpx.get(presigned).text == "A fine film."
    assert "/2026/" in site.headwater("ls", "reviews@main").out.split()
    assert site.headwater("cat", "reviews@main:/moved.txt").out == "A fine film."
    assert "PUT 2026/1.txt" in said["headwater log reviews@main"]


def test_a_second_sync_sends_nothing_and_a_third_what_changed(site: Site) -> None:
    first = site.aws("s3", "sync", "folder", "s3://main.reviews/synced")
    again = site.aws("s3", "sync", "folder", "s3://main.reviews/synced")
    (site.folder / "folder" / "a b.txt").write_text("longer than before")

    third = site.aws("s3", "sync", "folder", "s3://main.reviews/synced")
    site.aws("s3", "sync", "s3://main.reviews/synced", "down")

    assert first.count("upload:") == 3
    assert again == ""
    assert third.count("upload:") == 1
    assert (site.folder / "down" / "sub" / "ü.txt").read_text() == "sub/ü.txt"
    assert (site.folder / "down" / "a b.txt").read_text() == "longer than before"


def test_a_large_file_goes_up_in_parts_and_comes_back(site: Site) -> None:
    data = os.urandom(20 << 20)
    (site.folder / "large.bin").write_bytes(data)

    site.aws("s3", "cp", "large.bin", "s3://main.reviews/large.bin")
    site.aws("s3", "cp", "s3://main.reviews/large.bin", "s3://main.reviews/twin.bin")
    site.aws("s3", "cp", "s3://main.reviews/twin.bin", "twin.bin")

    assert (site.folder / "twin.bin").read_bytes() == data
    hashes = {
        one["hash"]
        for one in site.headwater("ls", "reviews@main", "--json").document["items"]
        if ".bin" in one["path"]
    }
    assert len(hashes) == 1


def test_the_program_says_what_is_wrong_with_a_token_or_a_bucket(site: Site) -> None:
    reader = site.make_token("--scope", "repo:reviews:read")
    site.aws("s3", "cp", "review.txt", "s3://main.reviews/kept.txt")
    site.headwater("tag", "create", "reviews@v1", "--at", "main")

    assert "kept.txt" in site.aws("s3", "ls", "s3://v1.reviews/", token=reader)
    denied = site.aws("s3", "cp", "review.txt", "s3://main.reviews/x", token=reader, status=1)
    assert "AccessDenied" in denied
    assert "repo:reviews:write" in denied
    assert "MethodNotAllowed" in site.aws("s3", "cp", "review.txt", "s3://v1.reviews/x", status=1)
    assert "NoSuchBucket" in site.aws("s3", "ls", "s3://absent.reviews/", status=255)
    wrong = {**reader, "secret_key": "x" * 40}
    assert "SignatureDoesNotMatch" in site.aws("s3", "ls", token=wrong, status=255)


def test_a_token_without_a_repo_has_no_keys(site: Site) -> None:
    assert site.make_token("--scope", "predict:*")["secret_key"] is None
