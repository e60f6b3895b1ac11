import subprocess
import sys
import threading

import httpx
import pytest

from tests.monitoring.conftest import Place
from tests.serving.flowers import ROW

SERVER = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from headwater.clock import SystemClock
from headwater.serving import App, Endpoint, Server
from tests.monitoring.conftest import Place
from tests.serving.flowers import Shelf

log = Place.reopened(Path({folder!r})).log(commit_every_s=0.02)
endpoint = Endpoint("iris", Shelf(), model="iris", environment="prod", clock=SystemClock())
server = Server(App([endpoint], sink=log))
print(server.url, flush=True)
server.run()
"""
CLIENTS = 4


def test_a_server_killed_under_load_loses_no_answered_prediction_and_doubles_none(
    place: Place, pytestconfig: pytest.Config
) -> None:
    program = SERVER.format(root=str(pytestconfig.rootpath), folder=str(place.folder))
    acknowledged: list[str] = []

    for answers in (1, 150, 400):
        acknowledged += killed_after(program, answers)

    last = place.log()
    last.recover()
    committed = place.committed()
    assert len(acknowledged) >= 551
    assert set(acknowledged) <= committed.keys()
    assert set(committed.values()) == {1}
    assert place.spooled() == []
    for prediction in acknowledged[:: len(acknowledged) // 20]:
        assert last.find(prediction).record.input == ROW


def killed_after(program: str, answers: int) -> list[str]:
    """Starts a server, asks it without a pause, kills it in between, and returns the ids of what it answered."""
    acknowledged: list[str] = []
    is_enough = threading.Event()

    def keep_asking(url: str) -> None:
        with httpx.Client(timeout=30) as client:
            while True:
                try:
                    reply = client.post(f"{url}/predict/iris", json=ROW)
                except httpx.TransportError:
                    return
                acknowledged.append(reply.json()["id"])
                if len(acknowledged) >= answers:
                    is_enough.set()

    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        clients = [threading.Thread(target=keep_asking, args=(url,)) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        arrived = is_enough.wait(60)
        process.kill()
        for client in clients:
            client.join()
    assert arrived
    return acknowledged
