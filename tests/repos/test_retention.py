"""Retention: what nothing names goes when its time has come, and nothing else does."""

import pytest
import sqlalchemy as sa

from headwater.db import Catalog
from headwater.ids import CommitId
from headwater.repos import CommitPurged, InvalidRetention, Repo, Repos
from headwater.storage import Storage
from tests.clocks import HandClock
from tests.repos.history import Floor, change, files, several

DAY_S = 86_400.0


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def floor() -> Floor:
    return Floor()


@pytest.fixture
def repos(catalog: Catalog, storage: Storage, clock: HandClock, floor: Floor) -> Repos:
    return Repos(catalog, storage, clock=clock, users=(floor,), pins=lambda: (floor,))


def states(repo: Repo, ids: list[CommitId]) -> str:
    """Returns one letter per commit: finished or purged."""
    return "".join(repo.resolve(id).state[0] for id in ids)


def test_a_repo_keeps_everything_until_it_is_told(repos: Repos, reviews: Repo) -> None:
    ids = several(reviews, 3)

    assert reviews.retention().last is None
    assert repos.apply_retention() == 0
    assert states(reviews, ids) == "fff"


def test_the_newest_of_each_branch_stay(repos: Repos, reviews: Repo) -> None:
    ids = several(reviews, 5)
    reviews.create_branch("other", ids[2])
    others = several(reviews, 2, "other")

    reviews.retain(last=2, author="ann")
    done = repos.apply_retention()

    assert (done, states(reviews, ids), states(reviews, others)) == (3, "pppff", "ff")
    with pytest.raises(CommitPurged, match="by retention: the repo keeps the newest 2 of each branch"):
        reviews.at(ids[0])
    assert len(files(reviews, "main")) == 5


def test_the_younger_ones_stay(repos: Repos, reviews: Repo, clock: HandClock) -> None:
    old = several(reviews, 2)
    clock.sleep(3 * DAY_S)
    new = [change(reviews, "main", {f"/n/{n}": "n"}) for n in range(2)]
    clock.sleep(2 * DAY_S)

    reviews.retain(days=4)
    done = repos.apply_retention()

    assert (done, states(reviews, old), states(reviews, new)) == (2, "pp", "ff")


def test_either_number_keeps_a_commit(repos: Repos, reviews: Repo, clock: HandClock) -> None:
    ids = several(reviews, 4)
    clock.sleep(10 * DAY_S)
    ids += [change(reviews, "main", {f"/n/{n}": "n"}) for n in range(2)]

    reviews.retain(last=3, days=5)
    repos.apply_retention()

    assert states(reviews, ids) == "pppfff"


def test_what_is_named_open_or_pinned_stays(repos: Repos, reviews: Repo, floor: Floor) -> None:
    ids = several(reviews, 6)
    reviews.create_tag("v1", ids[0])
    reviews.create_branch("stays", ids[1])
    floor.pins[ids[2]] = "a version was made of it"
    begun = reviews.start()

    reviews.retain(last=1)
    repos.apply_retention()

    assert states(reviews, ids) == "fffppf"
    assert reviews.resolve(begun.id).state == "open"
    assert floor.forgotten == [ids[3], ids[4]]


def test_what_no_branch_leads_to_goes_with_the_rest(repos: Repos, reviews: Repo) -> None:
    ids = several(reviews, 2)
    reviews.create_branch("side", ids[0])
    lost = change(reviews, "side", {"/x": "x"})
    reviews.delete_branch("side")
    assert files(reviews, lost)["/x"] == "x"

    reviews.retain(last=10)
    repos.apply_retention()

    assert states(reviews, [*ids, lost]) == "ffp"


def test_many_go_in_batches_and_what_is_kept_does_not_stop_them(repos: Repos, reviews: Repo) -> None:
    ids = several(reviews, 450)
    for number in range(0, 440, 2):
        reviews.create_tag(f"t{number}", ids[number])

    reviews.retain(last=1)
    done = repos.apply_retention()

    assert done == 450 - 220 - 1
    assert repos.apply_retention() == 0


def test_a_call_that_was_cut_off_is_finished_by_the_next(
    catalog: Catalog, repos: Repos, reviews: Repo, storage: Storage
) -> None:
    from headwater.repos.rows import history_store

    ids = several(reviews, 3)
    with catalog.write() as conn:  # as a process leaves it that dies between the two steps
        history_store.mark(conn, ids[:2], at_ms=1, author="ann", reason="cut")
    with pytest.raises(CommitPurged, match="cut"):
        reviews.at(ids[0])
    storage.sweep([repos.roots])

    assert repos.apply_retention() == 2

    commit = reviews.resolve(ids[0])
    assert commit.record is not None
    assert commit.roots.output is None
    assert storage.tombstone(commit.record).by == "ann"


def test_it_can_be_changed_and_ended(repos: Repos, reviews: Repo) -> None:
    several(reviews, 3)

    reviews.retain(last=1)
    reviews.retain(days=7)
    shown = reviews.retention()
    off = reviews.retain()

    assert (shown.last, shown.days, off.last, off.days) == (None, 7, None, None)
    assert repos.apply_retention() == 0


@pytest.mark.parametrize(("last", "days"), [(0, None), (-1, 5), (None, 0), (1, 10**9)])
def test_numbers_that_keep_nothing_are_refused(reviews: Repo, last: int | None, days: int | None) -> None:
    with pytest.raises(InvalidRetention):
        reviews.retain(last=last, days=days)

    assert reviews.retention().last is None


def test_what_is_kept_is_not_looked_at_again_by_what_went_before(
    catalog: Catalog, repos: Repos, reviews: Repo
) -> None:
    several(reviews, 300)
    reviews.retain(last=5)
    repos.apply_retention()
    change(reviews, "main", {"/one": "more"})
    seen: list[str] = []

    def count(conn: object, cursor: object, statement: str, *rest: object) -> None:
        seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        assert repos.apply_retention() == 1
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)

    assert len(seen) < 40
