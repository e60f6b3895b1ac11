"""A worker as a process of its own, so that it can be killed: `python worker_process.py FOLDER URL FILES TTL`.

Where its files have one called `stop`, it stops itself before its next commit,
with no thread inside of a transaction, as a machine does that is suspended: a
transaction that is left open would rightly hold up everybody.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from headwater.pipelines.longrun import spout
from tests.pipelines.longrun.conftest import open_place


def main(folder: str, url: str, files: str, ttl_s: str) -> None:
    place, outside = open_place(Path(folder), url, create=False), threading.Lock()
    place.files_at = Path(files)
    worker = place.worker(ttl_s=float(ttl_s))

    def alone(call: Callable[..., Any]) -> Callable[..., Any]:
        def locked(*args: Any, **named: Any) -> Any:
            with outside:
                return call(*args, **named)

        return locked

    publish = vars(spout.SpoutRun)["_publish"]

    def stopping(self: spout.SpoutRun, thing: Any) -> Any:
        if (place.files_at / "stop").exists():
            (place.files_at / "stop").unlink()
            with outside:
                os.kill(os.getpid(), signal.SIGSTOP)
                time.sleep(0.2)  # another thread may be the first to stop, and this one go on for a moment
        return publish(self, thing)

    for owner, name in ((worker, "beat"), (place.queue, "claim")):
        setattr(owner, name, alone(getattr(owner, name)))
    setattr(spout.SpoutRun, "_publish", stopping)  # noqa: B010 - a step of its own
    worker.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
