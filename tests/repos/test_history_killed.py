"""A process that is killed while it gives commits up leaves nothing wrong, and the next one ends its work."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import CommitPurged, Repos
from headwater.storage import Storage, open_store

COMMITS = 700
STEPS = """
import os, sys
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Repos
from headwater.storage import Storage, open_store
url, objects, step = sys.argv[1:]
catalog = Catalog.open(url)
repos = Repos(catalog, Storage(catalog, open_store(objects), clock=SystemClock()), clock=SystemClock())
repo = repos.get("reviews")
first = repo.log("first").items[0].id
os.write(1, b"ready")
if step == "squash":
    repo.squash("main", first)
elif step == "delete":
    repos.delete("reviews")
else:
    repo.retain(last=1)
    repos.apply_retention()
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Returns the catalog of a repo with many commits, the first of which is tagged."""
    folder = tmp_path_factory.mktemp("filled")
    catalog = Catalog.create(f"sqlite:///{folder}/catalog.db")
    repos = Repos(catalog, Storage(catalog, open_store("memory:"), clock=SystemClock()), clock=SystemClock())
    repo = repos.create("reviews")
    for number in range(COMMITS):
        with repo.commit() as commit:
            commit.put(f"/{number}", "x")
        if not number:
            repo.create_tag("first", commit.id)
    catalog.close()
    return (folder / "catalog.db").read_bytes()


@pytest.mark.parametrize("step", ["squash", "delete", "retain"])
@pytest.mark.parametrize("after_ms", [0, 15, 40, 90, 180])
def test_what_was_cut_off_is_whole_or_was_never_begun(
    filled: bytes, tmp_path: Path, step: str, after_ms: int
) -> None:
    (tmp_path / "catalog.db").write_bytes(filled)
    url, objects = f"sqlite:///{tmp_path}/catalog.db", f"file:{tmp_path}/objects"
    process = subprocess.Popen([sys.executable, "-c", STEPS, url, objects, step], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read(5) == b"ready"
    time.sleep(after_ms / 1000)  # not to wait for something, but to kill it at some moment
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()

    catalog = Catalog.open(url)
    storage = Storage(catalog, open_store(objects), clock=SystemClock())
    repos = Repos(catalog, storage, clock=SystemClock())
    storage.sweep([repos.roots])
    repos.apply_retention()
    storage.sweep([repos.roots])

    with catalog.read() as conn:
        roots = {root.ref: root.role for root in repos.roots.named_roots(conn)}
    assert len(roots) in (COMMITS, COMMITS + 1)
    for ref in roots:
        commit = repos.commit_by_id(ref.partition("@")[2])
        assert commit.record is not None
        if commit.state == "purged":
            assert storage.tombstone(commit.record).id == commit.id
            with pytest.raises(CommitPurged):
                repos.view(commit)
        else:
            assert storage.commit_record(commit.record).id == commit.id
            assert repos.view(commit).read(next(repos.view(commit).walk()).path) == b"x"
    assert list(storage.check([repos.roots])) == []
    catalog.close()
