"""Ends commits that wait for jobs which will not finish them: many at once, for they hold nothing.

A stream of commits that are taken together leaves hundreds of these behind in
one transaction; each costs a row's update and a share of a record.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.repos.parts import Parts
from headwater.repos.record import record_of
from headwater.repos.rows import commit_store, store

BATCH = 200


def end_waiting(
    parts: Parts, conn: Connection, ids: Sequence[CommitId], *, state: Literal["failed", "covered"]
) -> None:
    """Ends those of the commits that still wait, in the caller's transaction; the others stay as they are."""
    now_ms = parts.clock.now_ms()
    for at in range(0, len(ids), BATCH):
        found = commit_store.commits_by_ids(conn, ids[at : at + BATCH])
        ended = [
            msgspec.structs.replace(commit, state=state, finished_ms=now_ms)
            for commit in found
            if commit.state == "waiting"
        ]
        if not ended:
            continue
        kinds = store.kinds_of(conn, {commit.repo for commit in ended})
        records = [record_of(commit, kinds[commit.repo]) for commit in ended]
        places = parts.storage.publish_records(conn, records)
        commit_store.end_empty(conn, [commit.id for commit in ended], places, state=state, now_ms=now_ms)
