"""A gateway that is killed: what it acknowledged is there, and nothing of what it did not finish is half there."""

import signal
import threading
from pathlib import Path
from typing import Any

import msgspec

from headwater.api.documents import TokenInfo
from headwater.workspace import Workspace
from tests.gateway.conftest import BUCKET, client
from tests.stories.program import Running, program_in


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    headwater = program_in(tmp_path)
    headwater("init")
    headwater("repo", "create", "reviews")
    made: Any = headwater("token", "create", "--scope", "repo:*:write", "--json").document
    token = msgspec.convert(made, TokenInfo)
    running = Running(tmp_path, ("gateway", "--port", "0", "--json"), 0)
    url: str = running.document()["url"]
    acknowledged: list[str] = []
    enough = threading.Event()

    def write(writer: int) -> None:
        s3 = client(url, token)
        try:
            for number in range(10_000):
                s3.put_object(Bucket=BUCKET, Key=f"{writer}/{number}", Body=f"{writer}-{number}".encode())
                acknowledged.append(f"{writer}/{number}")
                if len(acknowledged) >= 60:
                    enough.set()
        except Exception:  # noqa: BLE001 - the server is gone, which is what this test is about
            enough.set()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    enough.wait(60)
    running.end(signal.SIGKILL)
    for thread in threads:
        thread.join()

    with Workspace.open(str(tmp_path)) as workspace:
        view = workspace.repo("reviews").at()
        for key in acknowledged:
            assert view.read(f"/{key}") == key.replace("/", "-").encode()
        assert len(acknowledged) >= 60
        assert view.files <= len(acknowledged) + len(threads)
