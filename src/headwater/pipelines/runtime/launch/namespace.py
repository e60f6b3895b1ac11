"""A file system of its own for a process, in which `/pfs` is there: mount namespaces of Linux.

The real root is not touched, and need not have a folder `/pfs`: a small root
in memory is made that shows everything the real one has, and `/pfs` beside
it, and the process moves there. All of it goes when the process ends. Without
the rights of an administrator a user namespace gives them for just this, where
the kernel allows it.
"""

import ctypes
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

PLACE = "/pfs"

_NEWNS, _NEWUSER = 0x00020000, 0x10000000
_RDONLY, _REMOUNT, _BIND, _REC, _SLAVE = 0x1, 0x20, 0x1000, 0x4000, 0x80000
_DETACH = 2


class Bind(msgspec.Struct, frozen=True, array_like=True):
    """A folder that is seen under a name below `/pfs`."""

    source: str
    name: str
    is_writable: bool = False


class NamespaceRefused(Exception):
    """The kernel does not let this process have a file system of its own."""


def enter(root: Path, binds: Sequence[Bind]) -> None:
    """Moves this process to a file system of its own; it must have one thread, and is of no use after a failure.

    Args:
        root: An empty folder to mount on.
        binds: What is to be seen below `/pfs`.

    Raises:
        NamespaceRefused: The kernel refuses a step.
    """
    if sys.platform != "linux":
        raise NamespaceRefused("this is not Linux")
    _unshare()
    _mount("none", "/", None, _REC | _SLAVE)
    _mount("tmpfs", str(root), "tmpfs", 0, "mode=0755,size=1m")
    for entry in os.scandir("/"):
        if entry.path != PLACE:
            _show(entry, root / entry.name)
    pfs = root / PLACE.removeprefix("/")
    pfs.mkdir()
    for bind in binds:
        _bind(bind, pfs / bind.name)
    _mount("none", str(root), None, _REMOUNT | _BIND | _RDONLY)
    _move_to(root)


def _unshare() -> None:
    libc = _libc()
    user, group = os.geteuid(), os.getegid()
    if user == 0 and libc.unshare(_NEWNS) == 0:
        return
    if libc.unshare(_NEWNS | _NEWUSER) != 0:
        raise NamespaceRefused(f"unshare: {os.strerror(ctypes.get_errno())}")
    try:
        Path("/proc/self/setgroups").write_text("deny", encoding="utf-8")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="utf-8")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="utf-8")
    except OSError as error:
        raise NamespaceRefused(f"mapping this user: {error.strerror}") from None


def _show(entry: "os.DirEntry[str]", place: Path) -> None:
    kind = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISLNK(kind):
        place.symlink_to(Path(entry.path).readlink())
        return
    if stat.S_ISDIR(kind):
        place.mkdir()
    else:
        place.touch()
    _mount(entry.path, str(place), None, _BIND | _REC)


def _bind(bind: Bind, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    _mount(bind.source, str(place), None, _BIND)
    if not bind.is_writable:
        # Flags that came with the mount may be locked; then its files are read-only by their modes alone.
        _libc().mount(b"none", os.fsencode(place), None, _REMOUNT | _BIND | _RDONLY, None)


def _move_to(root: Path) -> None:
    os.chdir(root)
    libc = _libc()
    if libc.pivot_root(b".", b".") != 0:
        raise NamespaceRefused(f"pivot_root: {os.strerror(ctypes.get_errno())}")
    libc.umount2(b".", _DETACH)  # the old root, which lies above the new one now
    os.chdir("/")


def _mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    failed = _libc().mount(
        os.fsencode(source),
        os.fsencode(target),
        None if kind is None else kind.encode(),
        ctypes.c_ulong(flags),
        None if options is None else options.encode(),
    )
    if failed:
        raise NamespaceRefused(f"mount of {source} on {target}: {os.strerror(ctypes.get_errno())}")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
