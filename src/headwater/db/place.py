"""Which database a catalog's URL names, and whether a SQLite file may lie where it says.

SQLite's write-ahead log needs memory shared between all its processes and
locks that hold, which network file systems do not give.
"""

import os
from pathlib import Path

import sqlalchemy as sa

from headwater.db.errors import NetworkFileSystem
from headwater.errors import InvalidInput

_MOUNTS = Path("/proc/self/mounts")
_KERNEL = """nfs nfs4 cifs smb smb2 smb3 smbfs ncpfs afs coda ceph glusterfs lustre beegfs gpfs gfs2 ocfs2 orangefs
pvfs2 davfs"""
_FUSE = """sshfs glusterfs ceph ceph-fuse s3fs gcsfuse rclone goofys mount-s3 blobfuse blobfuse2 juicefs moosefs mfs
davfs cvmfs"""
_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")
_HINT = "Write sqlite:/// and the absolute path of a file, or postgresql://USER@HOST/DATABASE."
_NETWORK = frozenset(_KERNEL.split()) | {f"fuse.{name}" for name in _FUSE.split()}


def scheme_of(url: str) -> str:
    """Returns which database a catalog's URL names: `sqlite` or `postgresql`.

    Raises:
        InvalidInput: It names another, or is no URL.
    """
    scheme, colon, _ = url.partition(":")
    if not colon:
        raise InvalidInput(f"{url!r} is not a catalog URL.", hint=_HINT)
    if scheme in _POSTGRES:
        return "postgresql"
    if scheme != "sqlite":
        raise InvalidInput(f"A catalog cannot lie in {scheme!r}.", hint=_HINT)
    return scheme


def sqlite_path(url: str) -> Path:
    """Returns the absolute path in a `sqlite:////abs/path` URL.

    Raises:
        InvalidInput: The URL is none, or names memory or a relative path.
    """
    try:
        parsed = sa.engine.make_url(url)
    except sa.exc.ArgumentError:
        raise InvalidInput(f"{url!r} is not a catalog URL.", hint=_HINT) from None
    if not parsed.database or not Path(parsed.database).is_absolute():
        raise InvalidInput(
            f"{url!r} does not name a file by its absolute path.",
            hint="Write sqlite:/// and then the path with its /.",
        )
    return Path(parsed.database)


def network_file_system(path: Path, mounts: str) -> str | None:
    """Returns the kind of network file system that `path` lies on, or none.

    Args:
        path: Absolute and without links.
        mounts: Text of `/proc/self/mounts`; of several mounts on one folder the last one counts.
    """
    found, depth = "", -1
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(_unescape(fields[1]))
        if len(point.parts) >= depth and path.is_relative_to(point):
            found, depth = fields[2], len(point.parts)
    return found if found in _NETWORK else None


def refuse_network(path: Path) -> None:
    """Makes sure that a catalog at `path` lies on a disk of this machine.

    Raises:
        NetworkFileSystem: It does not.
    """
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return  # not Linux: there is no cheap way to tell
    if not any(f" {kind} " in mounts for kind in _NETWORK):
        return
    file_system = network_file_system(Path(os.path.realpath(path)), mounts)
    if file_system is not None:
        raise NetworkFileSystem(str(path.parent), file_system=file_system)


def _unescape(field: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, char)
    return field
