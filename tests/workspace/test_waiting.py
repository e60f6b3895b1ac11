"""Waiting for work: a worker is seen to, and one that cannot live is not started for ever."""

import shutil
import sys
from pathlib import Path

import pytest

import headwater as hw
from headwater.workspace.errors import WorkersEnded

ROWS = "length,width\n" + "".join(f"{row},{row * row % 7}\n" for row in range(30))


def test_waiting_ends_with_a_message_when_one_worker_after_the_other_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hw.open(tmp_path, create=True) as workspace:
        with workspace.repo("flowers", create=True).commit("main") as commit:
            commit.put("/flowers.csv", ROWS)
        sent = workspace.train(model="flowers", data="flowers@main:/flowers.csv", targets="length")
        monkeypatch.setattr(sys, "executable", shutil.which("false"))

        with pytest.raises(WorkersEnded) as caught:
            sent.result()

        assert str(tmp_path / ".headwater" / "logs" / "worker.log") in caught.value.hint
        assert workspace.requests.get(sent.id).state == "queued"
