"""A client that never stops asking, as an application would.

It counts what it was answered and by which version, so that the story can
say whether a change of version was noticed by anybody.
"""

import json
import threading
import urllib.error
import urllib.request
from collections import Counter
from typing import Any

Answer = dict[str, Any]
_TIMEOUT_S = 10.0


def ask(url: str, row: dict[str, Any], token: str | None) -> tuple[int, Answer]:
    """Sends one row and returns the HTTP status and the answer."""
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, json.dumps(row).encode(), headers, method="POST")  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310 - loopback
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


class SteadyClient:
    """Asks the same question again and again until it is stopped."""

    def __init__(self, url: str, row: dict[str, Any], token: str) -> None:
        """Starts asking at once, on a thread of its own."""
        self._question = (url, row, token)
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self.answered: Counter[int] = Counter()
        self.failed = 0
        self._thread = threading.Thread(target=self._ask_on, name="steady-client", daemon=True)
        self._thread.start()

    def wait_for(self, version: int, answers: int, timeout_s: float) -> bool:
        """Waits for so many answers from this version; false when they did not come in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.answered[version] >= answers, timeout_s)

    def stop(self) -> None:
        """Stops asking."""
        self._stop.set()
        self._thread.join()

    def _ask_on(self) -> None:
        while not self._stop.wait(0.02):
            version = self._ask_once()
            with self._changed:
                if version is None:
                    self.failed += 1
                else:
                    self.answered[version] += 1
                self._changed.notify_all()

    def _ask_once(self) -> int | None:
        try:
            status, answer = ask(*self._question)
        except OSError:
            return None
        return int(answer["version"]) if status == 200 and answer["success"] else None
