"""How long a repo keeps commits that nothing names, and what is done with those that have expired.

A commit stays while any of these holds: a branch or tag names it, it is open
or waits for its job, something in use depends on it, it is among the newest
so many of a branch, or it is younger than so many days. Applying costs what
expires, and what only tags and pins keep.
"""

from headwater.api.documents import RetentionInfo
from headwater.repos.errors import InvalidRetention
from headwater.repos.history.giving_up import BATCH, bury_all, give_up
from headwater.repos.history.purge import free_of_names
from headwater.repos.parts import Parts
from headwater.repos.rows import history_store, store
from headwater.repos.rows.history_store import ENDED, Candidate, RetentionRow

_DAY_MS = 86_400_000
_MOST_DAYS = 100 * 366


def retention_of(parts: Parts, repo: store.RepoRow) -> RetentionInfo:
    """Returns how long a repo keeps commits; neither count nor days where it keeps all."""
    with parts.catalog.read() as conn:
        row = history_store.retention_of(conn, repo.id)
    return RetentionInfo(repo.name, *(None, None) if row is None else (row.last, row.days))


def set_retention(
    parts: Parts, repo: store.RepoRow, *, last: int | None, days: int | None, author: str
) -> RetentionInfo:
    """Sets how long a repo keeps commits; with neither it keeps all.

    Raises:
        InvalidRetention: A number is less than 1, or days go back before there were any.
    """
    wrong = [f"{name} is {value}" for name, value in (("last", last), ("days", days)) if (value or 1) < 1]
    wrong += [f"{name} is {value}" for name, value in (("last", last), ("days", days)) if value == 0]
    if days is not None and days > _MOST_DAYS:
        wrong.append(f"days is {days}")
    if wrong:
        raise InvalidRetention(" and ".join(wrong))
    row = RetentionRow(repo.id, last, days)
    with parts.catalog.write() as conn:
        history_store.set_retention(conn, row, now_ms=parts.clock.now_ms(), author=author)
    return RetentionInfo(repo.name, last, days)


def apply_retention(parts: Parts, *, author: str = "retention") -> int:
    """Gives up what has expired, in all repos, and finishes what an earlier call left; returns how many commits."""
    done = bury_all(parts)
    with parts.catalog.read() as conn:
        rows = history_store.all_retentions(conn)
    return done + sum(_apply(parts, row, state, author) for row in rows for state in ENDED)


def _apply(parts: Parts, row: RetentionRow, state: str, author: str) -> int:
    now_ms, done = parts.clock.now_ms(), 0
    before_ms = None if row.days is None else now_ms - row.days * _DAY_MS
    after: Candidate | None = None
    while True:
        with parts.catalog.write() as conn:
            found = history_store.expired(
                conn, row, state=state, before_ms=before_ms, after=after, limit=BATCH
            )
            free = free_of_names(conn, [one.id for one in found])
            pinned = parts.bonds.pinned(conn, free) if free else {}
            gone = [id for id in free if id not in pinned]
            if gone:
                give_up(parts, conn, gone, author=author, reason=_reason(row))
        done += len(gone)
        if len(found) < BATCH:
            return done
        after = found[-1]


def _reason(row: RetentionRow) -> str:
    kept = [f"the newest {row.last} of each branch"] if row.last is not None else []
    kept += [f"those of the last {row.days} days"] if row.days is not None else []
    return f"the repo keeps {' and '.join(kept)}"
