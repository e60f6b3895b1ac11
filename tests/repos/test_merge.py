"""Merging: what each side changed comes together, what both changed is said, and nothing is done by halves."""

import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.api.documents import Provenance
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.ids import random_id
from headwater.repos import BranchMoved, CommitPurged, MergeConflict, ProtectedRepo, Repo, Repos
from headwater.storage import Storage, open_store
from tests.repos.history import change, files


@pytest.fixture
def forked(reviews: Repo) -> Repo:
    """A repo whose branch `other` begins where `main` is."""
    change(reviews, "main", {"/a": "a", "/b": "b", "/c/d": "d"})
    reviews.create_branch("other", "main")
    return reviews


# --- without conflicts ---


def test_what_each_side_changed_comes_together(forked: Repo) -> None:
    ours = change(forked, "main", {"/a": "A", "/new": "1"})
    theirs = change(forked, "other", {"/b": None, "/c/e": "e"})

    made = forked.merge("other", "main", author="ann")

    assert files(forked, "main") == {"/a": "A", "/new": "1", "/c/d": "d", "/c/e": "e"}
    commit = forked.resolve("main")
    assert (made.how, made.commit, made.merged) == ("merged", commit.id, theirs)
    assert (commit.parent, commit.author) == (ours, "ann")
    assert commit.provenance == (Provenance("commit", "reviews", theirs, "merged"),)
    assert forked.moves("main")[-1].new == commit.id


def test_the_same_change_on_both_sides_is_no_conflict(forked: Repo) -> None:
    change(forked, "main", {"/a": "same", "/b": None, "/x": "new"})
    change(forked, "other", {"/a": "same", "/b": None, "/x": "new", "/y": "2"})

    forked.merge("other")

    assert files(forked, "main") == {"/a": "same", "/c/d": "d", "/x": "new", "/y": "2"}


def test_a_branch_with_nothing_of_its_own_moves_forward(forked: Repo) -> None:
    base = forked.resolve("main").id
    theirs = change(forked, "other", {"/b": "B"})

    made = forked.merge("other", "main")

    assert (made.how, made.commit, made.base) == ("forwarded", theirs, base)
    assert forked.resolve("main").id == theirs
    assert (forked.moves("main")[-1].old, forked.moves("main")[-1].reason) == (base, "merge")


def test_a_commit_can_be_made_where_moving_forward_would_do(forked: Repo) -> None:
    base = forked.resolve("main").id
    change(forked, "other", {"/b": "B"})

    made = forked.merge("other", "main", forwards=False, message="Release")

    commit = forked.resolve("main")
    assert (made.how, commit.parent, commit.message) == ("merged", base, "Release")
    assert files(forked, "main") == files(forked, "other")


def test_what_is_merged_already_makes_no_commit(forked: Repo) -> None:
    change(forked, "main", {"/a": "A"})
    change(forked, "other", {"/b": "B"})
    first = forked.merge("other", "main")

    again = forked.merge("other", "main")

    assert (again.how, again.commit) == ("nothing to merge", first.commit)
    assert forked.resolve("main").id == first.commit


def test_a_branch_merged_into_itself_stays_as_it_is(forked: Repo) -> None:
    moves = forked.moves("main")

    assert forked.merge("main", "main").how == "nothing to merge"

    assert forked.moves("main") == moves


def test_a_branch_without_commits_moves_to_what_is_merged(forked: Repo) -> None:
    forked.create_branch("empty")

    made = forked.merge("other", "empty")

    assert (made.how, made.base) == ("forwarded", None)
    assert files(forked, "empty") == files(forked, "other")


def test_what_was_merged_once_is_not_merged_again(forked: Repo) -> None:
    change(forked, "main", {"/a": "A"})
    change(forked, "other", {"/b": "B"})
    forked.merge("other", "main")
    change(forked, "main", {"/b": "mine"})  # after the merge, so this is the newer word on it
    theirs = change(forked, "other", {"/c/d": "D"})

    made = forked.merge("other", "main")

    assert files(forked, "main") == {"/a": "A", "/b": "mine", "/c/d": "D"}
    assert made.merged == theirs


def test_branches_that_have_nothing_in_common_are_merged_from_nothing(forked: Repo) -> None:
    forked.create_branch("alone")
    change(forked, "alone", {"/z": "z", "/a": "a"})

    made = forked.merge("alone", "main")

    assert made.base is None
    assert files(forked, "main") == {"/a": "a", "/b": "b", "/c/d": "d", "/z": "z"}


# --- conflicts ---


def test_conflicts_come_back_as_rows_and_nothing_is_done(forked: Repo) -> None:
    change(forked, "main", {"/a": "A", "/b": None, "/c/d": "D", "/n": "1", "/fine": "f"})
    change(forked, "other", {"/a": "å", "/b": "B", "/c/d": None, "/n": "2", "/good": "g"})
    head = forked.resolve("main").id

    with pytest.raises(MergeConflict) as caught:
        forked.merge("other", "main")

    rows = {row["path"]: row for row in caught.value.details}
    assert {path: row["kind"] for path, row in rows.items()} == {
        "/a": "changed",
        "/b": "deleted-here",
        "/c/d": "deleted-there",
        "/n": "added",
    }
    assert [rows["/a"][side]["size"] for side in ("base", "ours", "theirs")] == [1, 1, 2]
    assert (rows["/b"]["ours"], rows["/c/d"]["theirs"], rows["/n"]["base"]) == (None, None, None)
    assert caught.value.count == 4
    assert "--prefer" in caught.value.hint
    assert forked.resolve("main").id == head
    assert [row.path for row in forked.conflicts("other", "main")] == ["/a", "/b", "/c/d", "/n"]


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        ("ours", {"/a": "A", "/c/d": "D", "/fine": "f", "/good": "g"}),
        ("theirs", {"/a": "å", "/b": "B", "/fine": "f", "/good": "g"}),
    ],
)
def test_the_preferred_side_wins_conflicts_and_only_those(
    forked: Repo, prefer: str, expected: dict[str, str]
) -> None:
    change(forked, "main", {"/a": "A", "/b": None, "/c/d": "D", "/fine": "f"})
    change(forked, "other", {"/a": "å", "/b": "B", "/c/d": None, "/good": "g"})

    made = forked.merge("other", "main", prefer=prefer)  # type: ignore[arg-type]

    assert files(forked, "main") == expected
    assert made.settled == 3


def test_a_file_on_one_side_and_a_folder_on_the_other_is_a_conflict(forked: Repo) -> None:
    change(forked, "main", {"/x": "file", "/y/1": "1", "/y/2": "2", "/y-z": "beside"})
    change(forked, "other", {"/x/1": "1", "/x/2": "2", "/x-z": "beside", "/y": "file"})

    with pytest.raises(MergeConflict) as caught:
        forked.merge("other", "main")

    assert {row["kind"] for row in caught.value.details} == {"file-folder"}
    told = [(row["path"], row["below"]) for row in caught.value.details]
    assert told == [("/x", "/x/1"), ("/x", "/x/2"), ("/y", "/y/1"), ("/y", "/y/2")]


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [("ours", {"/x", "/x-z", "/y/1", "/y/2", "/y-z"}), ("theirs", {"/x/1", "/x/2", "/x-z", "/y", "/y-z"})],
)
def test_the_preferred_side_wins_where_a_file_is_a_folder(
    forked: Repo, prefer: str, expected: set[str]
) -> None:
    change(forked, "main", {"/x": "file", "/y/1": "1", "/y/2": "2", "/y-z": "beside"})
    change(forked, "other", {"/x/1": "1", "/x/2": "2", "/x-z": "beside", "/y": "file"})

    forked.merge("other", "main", prefer=prefer)  # type: ignore[arg-type]

    assert set(files(forked, "main")) == expected | {"/a", "/b", "/c/d"}


def test_a_file_that_became_a_folder_there_while_it_changed_here_is_a_conflict(forked: Repo) -> None:
    change(forked, "main", {"/a": "changed"})
    change(forked, "other", {"/a": None})
    change(forked, "other", {"/a/b": "below"})

    with pytest.raises(MergeConflict):
        forked.merge("other", "main")
    forked.merge("other", "main", prefer="ours")

    assert files(forked, "main")["/a"] == "changed"


def test_of_very_many_conflicts_some_are_told_and_all_counted(forked: Repo) -> None:
    change(forked, "main", {f"/n/{number}": "1" for number in range(1_200)})
    change(forked, "other", {f"/n/{number}": "2" for number in range(1_200)})

    with pytest.raises(MergeConflict) as caught:
        forked.merge("other", "main")

    assert (caught.value.count, len(caught.value.details)) == (1_200, 1_000)


# --- histories that cross ---


def crossed(repo: Repo) -> None:
    """Merges main and other into each other, from the commits that both had before."""
    ours, theirs = repo.resolve("main").id, repo.resolve("other").id
    repo.merge(theirs, "main", prefer="ours")
    repo.merge(ours, "other", prefer="theirs")


def test_where_histories_cross_agreeing_bases_decide(forked: Repo) -> None:
    change(forked, "main", {"/a": "A"})
    change(forked, "other", {"/b": "B"})
    crossed(forked)
    change(forked, "main", {"/m": "m"})
    change(forked, "other", {"/o": "o"})

    forked.merge("other", "main")

    assert files(forked, "main") == {"/a": "A", "/b": "B", "/c/d": "d", "/m": "m", "/o": "o"}


def test_where_the_bases_of_crossed_histories_disagree_it_is_a_conflict(forked: Repo) -> None:
    change(forked, "main", {"/a": "1"})
    change(forked, "other", {"/a": "2"})
    crossed(forked)  # both sides have 1 now, and the bases are 1 and 2
    change(forked, "other", {"/a": "2"})

    with pytest.raises(MergeConflict) as caught:
        forked.merge("other", "main")

    assert [(row["path"], row["kind"]) for row in caught.value.details] == [("/a", "unknown-base")]


def test_where_the_base_was_given_up_every_difference_is_a_conflict(forked: Repo) -> None:
    base = forked.resolve("main").id
    change(forked, "main", {"/a": "A"})
    change(forked, "other", {"/b": "B"})
    forked.purge(base)

    with pytest.raises(MergeConflict) as caught:
        forked.merge("other", "main")
    forked.merge("other", "main", prefer="theirs")

    assert {(row["path"], row["kind"]) for row in caught.value.details} == {
        ("/a", "unknown-base"),
        ("/b", "unknown-base"),
    }
    assert files(forked, "main") == files(forked, "other")


# --- refused, and raced ---


def test_a_purged_commit_cannot_be_merged(forked: Repo) -> None:
    theirs = change(forked, "other", {"/b": "B"})
    change(forked, "other", {"/b": "C"})
    forked.purge(theirs)

    with pytest.raises(CommitPurged):
        forked.merge(theirs, "main")


def test_a_protected_repo_is_not_merged_by_hand(repos: Repos) -> None:
    repos.create("models/iris", system=True)

    with pytest.raises(ProtectedRepo, match="models/iris"):
        repos.get("models/iris").merge("dev", "prod")


def test_a_head_other_than_expected_is_refused(forked: Repo) -> None:
    seen = forked.resolve("main").id
    change(forked, "main", {"/a": "A"})
    change(forked, "other", {"/b": "B"})

    with pytest.raises(BranchMoved):
        forked.merge("other", "main", expect=seen)


def test_merges_and_commits_at_the_same_time_lose_nothing(forked: Repo) -> None:
    for number in range(6):
        forked.create_branch(f"side-{number}", "main")
        change(forked, f"side-{number}", {f"/side/{number}": "s"})

    def merge(number: int) -> None:
        forked.merge(f"side-{number}", "main")

    def put(number: int) -> None:
        change(forked, "main", {f"/put/{number}": "p"})

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6) for work in (merge, put)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = files(forked, "main")
    assert {f"/side/{n}" for n in range(6)} | {f"/put/{n}" for n in range(6)} <= set(found)


# --- what it costs ---


def test_a_merge_reads_what_changed_and_not_what_is_there(
    catalog: Catalog, repos: Repos, tmp_path: Path
) -> None:
    costs = []
    for count in (1_000, 30_000):
        repo = repos.create(f"files-{count}")
        with repo.commit() as commit:
            for number in range(count):
                commit.put(f"/data/{number:06d}", str(number))
        repo.create_branch("other", "main")
        change(repo, "main", {"/data/000100": "mine"})
        change(repo, "other", {"/data/000900": "theirs"})
        fresh = Storage(catalog, open_store(f"file:{tmp_path}/objects"), clock=SystemClock())
        Repos(catalog, fresh, clock=SystemClock()).get(repo.name).merge("other", "main")
        costs.append(fresh.nodes.decoded)

    assert costs[1] <= costs[0] + 12
    assert costs[1] < 40


# --- the law ---

NAMES = st.sampled_from(["a", "b", "a/x", "a/y", "b/x", "a-z", "c"])
CONTENTS = st.sampled_from(["1", "2"])
TREES = st.dictionaries(NAMES, CONTENTS, max_size=5)


def free_of_collisions(tree: dict[str, str]) -> dict[str, str]:
    return {path: text for path, text in tree.items() if not any(one.startswith(f"{path}/") for one in tree)}


def expected(base: dict[str, str], ours: dict[str, str], theirs: dict[str, str]) -> dict[str, str] | None:
    merged = {}
    for path in {*base, *ours, *theirs}:
        was, mine, other = base.get(path), ours.get(path), theirs.get(path)
        if mine != other and was not in (mine, other):
            return None
        kept = other if mine in (was, other) else mine
        if kept is not None:
            merged[path] = kept
    return merged if merged == free_of_collisions(merged) else None


@pytest.fixture(scope="module")
def one_repos(tmp_path_factory: pytest.TempPathFactory) -> Repos:
    folder = tmp_path_factory.mktemp("merges")
    catalog = Catalog.create(f"sqlite:///{folder}/catalog.db")
    storage = Storage(catalog, open_store("memory:"), clock=SystemClock())
    return Repos(catalog, storage, clock=SystemClock())


@settings(max_examples=120, deadline=None)
@given(base=TREES, ours=TREES, theirs=TREES)
def test_a_merge_is_what_three_dictionaries_say(
    one_repos: Repos, base: dict[str, str], ours: dict[str, str], theirs: dict[str, str]
) -> None:
    repo = one_repos.create(f"r-{random_id()}")
    trees = [free_of_collisions(one) for one in (base, ours, theirs)]

    def become(branch: str, tree: dict[str, str]) -> None:
        with repo.commit(branch, allow_empty=True) as commit:
            commit.delete("/")
            for path, text in tree.items():
                commit.put(f"/{path}", text)

    become("main", trees[0])
    repo.create_branch("other", "main")
    become("main", trees[1])
    become("other", trees[2])
    whole = expected(*trees)

    if whole is None:
        with pytest.raises(MergeConflict):
            repo.merge("other", "main")
        repo.merge("other", "main", prefer="theirs")
        repo.at("main").tree.node  # noqa: B018 - it can be read
    else:
        repo.merge("other", "main")
        assert files(repo, "main") == {f"/{path}": text for path, text in whole.items()}
