"""Writers, a sweeper and a packer killed at random moments, again and again in one workspace: nothing acknowledged is lost."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Repos
from headwater.storage import Storage, open_store
from tests.conftest import LARGE

ROUNDS = 40 if LARGE else 5

OPEN = """
import random, sys
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Repos
from headwater.storage import Storage, open_store
url, objects, name = sys.argv[1:4]
catalog = Catalog.open(url)
storage = Storage(catalog, open_store(objects))
repos = Repos(catalog, storage, clock=SystemClock())
chance = random.Random(name)
"""

# Prints what is acknowledged: a word for the kind, the commit or the name, and what it must hold.
WRITE = (
    OPEN
    + """
repo = repos.get("reviews")
number = 0
while True:
    number += 1
    text = f"{name} {number} " * chance.choice([1, 1, 1, 40_000])
    what = chance.choice(["commit", "commit", "open", "tag", "branch", "purge"])
    if what == "open":
        begun = repo.start("main", message=f"{name} {number}")
        begun.put(f"/{name}/{number}", text)
        commit = begun.finish()
    else:
        with repo.commit(message=f"{name} {number}") as changes:
            changes.put(f"/{name}/{number}", text)
            changes.put(f"/{name}/latest", text)
        commit = changes.commit
    print("commit", commit.id, f"/{name}/{number}", len(text), flush=True)
    if what == "tag":
        repo.create_tag(f"{name}-{number}", commit.id)
        print("tag", f"{name}-{number}", f"/{name}/{number}", len(text), flush=True)
    if what in ("branch", "purge"):
        branch = f"{name}-{number}-b"
        repo.create_branch(branch, commit.id)
        with repo.commit(branch) as changes:
            changes.put("/aside", text)
        aside = changes.id
        if what == "branch":
            merged = repo.merge(branch, "main", prefer="ours")
            print("commit", merged.commit, f"/{name}/{number}", len(text), flush=True)
        repo.delete_branch(branch)
        if what == "purge":
            repo.purge(aside)
            print("purged", aside, "-", 0, flush=True)
"""
)

CARE = (
    OPEN
    + """
while True:
    storage.pack(everything=chance.random() < 0.5)
    storage.sweep([repos.roots])
    print("swept", "-", "-", 0, flush=True)
"""
)


def start(program: str, url: str, objects: str, name: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", program, url, objects, name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.timeout(600)
def test_what_was_acknowledged_survives_kills_at_random_moments(tmp_path: Path) -> None:
    url, objects = f"sqlite:///{tmp_path}/catalog.db", f"file:{tmp_path}/objects"
    catalog = Catalog.create(url)
    storage = Storage(catalog, open_store(objects))
    repos = Repos(catalog, storage, clock=SystemClock())
    repo = repos.create("reviews")
    chance = random.Random(7)
    acknowledged: list[list[str]] = []

    for number in range(ROUNDS):
        running = [start(WRITE, url, objects, f"{number}-{writer}") for writer in "ab"]
        running.append(start(CARE, url, objects, f"{number}-care"))
        time.sleep(chance.uniform(0.9, 2.5))  # a random moment is what is tested
        for process in chance.sample(running, len(running)):
            process.send_signal(signal.SIGKILL)
        ended = [process.communicate() for process in running]
        assert [error for _, error in ended if error] == []
        lines = "".join(out[: out.rfind("\n") + 1] for out, _ in ended).splitlines()
        acknowledged += [line.split() for line in lines]

        damages = [one for one in storage.check([repos.roots]) if one.is_damage]
        assert damages == []

    line = {commit.id for commit in repo.log("main", limit=100_000).items}
    seen = {kind: 0 for kind, *_ in acknowledged}
    for kind, what, path, length in acknowledged:
        seen[kind] += 1
        if kind == "purged":
            assert repo.resolve(what).state == "purged"
        elif kind != "swept":
            assert repo.at(what).stat(path).size == int(length)
            assert kind == "tag" or what in line
    storage.sweep([repos.roots])
    assert [one for one in storage.check([repos.roots]) if one.is_damage] == []
    assert {"commit", "swept"} <= seen.keys()
    catalog.close()
