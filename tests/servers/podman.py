"""Podman for tests, with one small image made of this machine's own programs, once a session.

As root it keeps images and containers in a temporary folder of this test
process: nothing of the machine's own is seen or touched, and of several test
processes each sees its own containers only. Where podman is not installed, or
cannot start a container, what needs it is skipped with podman's own last line.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAMS = ("sh", "cat", "ls", "sleep", "env", "mkdir", "mv")
# What the image's `python3` can import, and what that imports.
MODULES = ("encodings.idna", "os", "pathlib", "signal", "site", "socket")
# What podman needs as root where it may set no high limits. A network of its own is only for who asks for it.
CONF = """[containers]
default_ulimits=["nofile=1024:1024","nproc=4096:4096"]
netns="host"
[engine]
runtime="runc"
"""
_START_S = 60.0


@dataclass(frozen=True)
class Podman:
    """A podman that works, with an image."""

    program: str
    environment: Mapping[str, str]
    image: str

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command of podman."""
        return subprocess.run(
            [self.program, *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=_START_S,
            check=False,
        )

    def containers(self, *, running: bool = False) -> list[str]:
        """Returns the names of the containers of the image; with `running`, of those only that run."""
        which = ["--filter", "status=running"] if running else ["--all"]
        form, mine = "{{.Names}}", f"ancestor={self.image}"
        return self.run("ps", *which, "--format", form, "--filter", mine).stdout.split()

    def refusal(self, *options: str) -> str:
        """Tries a container with some options; returns podman's last line where it cannot be, else nothing."""
        done = self.run("run", "--rm", *options, self.image, "env")
        return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it says nothing"])[-1]


@pytest.fixture(scope="session")
def podman_with_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """Makes the image; skips where podman is not installed, or cannot start a container."""
    program = shutil.which("podman")
    if program is None:
        pytest.skip("podman is not installed; install it with: apt-get install podman runc")
    # Within a container podman may wait for minutes for the end of what has ended.
    if os.environ.get("CI") == "true" and "HEADWATER_TEST_CONTAINERS" not in os.environ:
        pytest.skip("containers within a container; they run with HEADWATER_TEST_CONTAINERS=1")
    folder = tmp_path_factory.mktemp("podman")
    found = Podman(program, _environment(folder), f"localhost/headwater-test-{os.getpid()}:latest")
    archive = _archive(folder)
    done = found.run("import", str(archive), found.image)
    refused = done.stderr.strip().splitlines()[-1] if done.returncode else found.refusal()
    if refused:
        pytest.skip(f"podman cannot start a container here: {refused}")
    yield found
    for name in found.containers():
        found.run("rm", "--force", "--time", "0", name)
    found.run("rmi", "--force", found.image)


@pytest.fixture
def podman(podman_with_image: Podman, monkeypatch: pytest.MonkeyPatch) -> Podman:
    """Gives podman with an image; this process, and what it starts, finds it there too."""
    for name, value in podman_with_image.environment.items():
        monkeypatch.setenv(name, value)
    return podman_with_image


@pytest.fixture(scope="session")
def podman_network(podman_with_image: Podman) -> None:
    """Skips where a container cannot have a network of its own."""
    refused = podman_with_image.refusal("--network", "private")
    if refused:
        pytest.skip(f"podman cannot give a container a network here: {refused}")


def _environment(folder: Path) -> dict[str, str]:
    """Returns the settings of a podman of our own; who is not root has one already."""
    if os.geteuid() != 0:
        return {}
    settings, storage = folder / "containers.conf", folder / "storage.conf"
    settings.write_text(CONF)
    # A driver that needs nothing of the kernel, so that it works inside of a container too.
    places = f'graphroot="{folder}/images"\nrunroot="{folder}/run"\n'
    storage.write_text(f'[storage]\ndriver="vfs"\n{places}')
    return {"CONTAINERS_CONF": str(settings), "CONTAINERS_STORAGE_CONF": str(storage)}


def _archive(folder: Path) -> Path:
    """Makes an archive of a root with a few programs of this machine, and a Python that knows its sockets."""
    root = folder / "root"
    (root / "bin").mkdir(parents=True)
    found = {Path(path).resolve(): f"bin/{name}" for name in PROGRAMS if (path := shutil.which(name))}
    python = Path(sys.executable).resolve()
    files = [python, *_modules(python)]
    libraries = _libraries([*found, python, *(one for one in files if one.suffix == ".so")])
    for source, place in [*found.items(), *((one, str(one)[1:]) for one in [*files, *libraries])]:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, root / place)
    (root / "bin/python3").symlink_to(python)
    archive = folder / "root.tar"
    subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
    shutil.rmtree(root)
    return archive


def _modules(python: Path) -> list[Path]:
    """Returns the files of what the image can import."""
    line = f"import sys, {', '.join(MODULES)}\nfor one in list(sys.modules.values()):"
    line += "\n    if getattr(one, '__file__', None): print(one.__file__)"
    done = subprocess.run([python, "-I", "-S", "-c", line], capture_output=True, text=True, check=True)
    return [Path(one) for one in done.stdout.splitlines()]


def _libraries(programs: Sequence[Path]) -> list[Path]:
    """Returns the libraries that programs load, where the loader looks for them."""
    listed = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=True).stdout
    lines = [line for line in listed.splitlines() if line.startswith("\t")]
    return [
        Path(word) for word in sorted({word for line in lines for word in line.split() if word[0] == "/"})
    ]
