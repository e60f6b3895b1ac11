"""The doors for the floors above: several repos at once, commits that wait for a job, hooks, provenance."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from headwater.api.documents import Provenance
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.ids import CommitId
from headwater.repos import (
    BranchMoved,
    Commit,
    CommitEnded,
    CommitUnfinished,
    PendingCommit,
    Repo,
    RepoNotFound,
    Repos,
    Trees,
)
from headwater.repos.rows.tables import commits as commits_table
from headwater.storage import Put, Storage, open_store


def put(repo: Repo, path: str, text: str, branch: str = "main") -> CommitId:
    with repo.commit(branch) as commit:
        commit.put(path, text)
    return commit.id


def pending(storage: Storage, head: Commit | None, repo: str, files: dict[str, bytes]) -> PendingCommit:
    writer = storage.writer()
    base = storage.tree(None if head is None else head.roots.output)
    tree = writer.edit(base, [Put(path, writer.add(data)) for path, data in files.items()])
    meta = writer.edit_map(storage.map_tree(None), [(path.encode(), b"\x91\x01") for path in files])
    writer.seal()
    return PendingCommit(
        repo=repo,
        branch="main",
        trees=Trees(output=tree, meta=meta),
        parent=None if head is None else head.id,
        writer=writer,
    )


class Hears:
    """A hook that remembers, and does what it is told."""

    def __init__(self) -> None:
        self.heard: list[list[str]] = []
        self.fails = False

    def reads(self, conn: sa.Connection, places: Collection[tuple[str, str]]) -> Collection[tuple[str, str]]:
        return places

    def committed(self, conn: sa.Connection, repos: Repos, commits: Sequence[Commit]) -> None:
        self.heard.append([f"{commit.repo}@{commit.branch}" for commit in commits])
        assert all(repos.head(conn, commit.repo, commit.branch) == commit.id for commit in commits)
        if self.fails:
            raise KeyError("hook")


@pytest.fixture
def hook() -> Hears:
    return Hears()


@pytest.fixture
def repos(catalog: Catalog, storage: Storage, hook: Hears) -> Repos:
    return Repos(catalog, storage, clock=SystemClock(), hooks=[hook])


def test_commits_of_several_repos_are_one_set_and_one_transaction(
    repos: Repos, catalog: Catalog, storage: Storage, hook: Hears
) -> None:
    repos.create("left")
    repos.create("right")
    both = [pending(storage, None, name, {"a": name.encode()}) for name in ("right", "left")]

    with catalog.write() as conn:
        commits = repos.publish_all(conn, both)

    assert commits[0].set_id == commits[1].set_id
    assert repos.set_commits(commits[0].set_id) == commits
    assert hook.heard == [["right@main", "left@main"]]
    assert repos.get("left").at().read("/a") == b"left"
    meta = storage.map_tree(commits[1].roots.meta)
    assert list(meta.items()) == [(b"a", b"\x91\x01")]


def test_a_commits_record_says_all_that_the_catalog_knows(repos: Repos, storage: Storage) -> None:
    went_in = Provenance("code", "", "c" * 64, "code")
    reviews = repos.create("reviews")
    put(reviews, "/a", "1")
    with reviews.commit(
        message="é", author="Ada", metadata={"b": "2", "a": "1"}, provenance=[went_in]
    ) as commit:
        commit.put("/b", "22")

    made = repos.commit_by_id(commit.id)
    assert made.record is not None
    record = storage.commit_record(made.record)

    assert (record.id, record.set, record.parent) == (made.id, made.set_id, made.parent)
    assert (record.repo, record.repo_kind, record.branch, record.state) == (
        "reviews",
        "data",
        "main",
        "finished",
    )
    assert (record.author, record.message, record.metadata) == ("Ada", "é", made.metadata)
    assert [(entry.kind, entry.id, entry.role) for entry in record.provenance] == [("code", "c" * 64, "code")]
    assert (record.files, record.size, record.created_ms) == (2, 3, made.created_ms)
    assert made.roots.output is not None
    assert record.trees.output == made.roots.output.encode()


class InterruptedAfterwards(Catalog):
    """A catalog whose user presses Ctrl-C just when a transaction has become durable."""

    interrupts = False

    @contextmanager
    def write(self, *, shared: bool = False) -> Iterator[sa.Connection]:
        with super().write(shared=shared) as conn:
            yield conn
            ends_commit = conn.execute(sa.select(sa.func.count()).select_from(commits_table)).scalar_one() > 0
        if self.interrupts and ends_commit:
            raise KeyboardInterrupt


def test_an_interrupt_behind_the_transaction_takes_nothing_from_the_commit(
    url: str, catalog: Catalog, tmp_path: Path
) -> None:
    interrupted = InterruptedAfterwards.open(url)
    storage = Storage(interrupted, open_store(f"file:{tmp_path}/objects"), clock=SystemClock())
    reviews = Repos(interrupted, storage, clock=SystemClock()).create("reviews")
    interrupted.interrupts = True
    large = b"0123456789" * 100_000

    with pytest.raises(KeyboardInterrupt), reviews.commit() as commit:
        commit.put("/large", large)

    assert reviews.at("main").read("/large") == large


def test_one_moved_branch_undoes_all_commits_of_the_transaction(
    repos: Repos, catalog: Catalog, storage: Storage
) -> None:
    left, right = repos.create("left"), repos.create("right")
    both = [pending(storage, None, name, {"a": b"1"}) for name in ("left", "right")]
    put(right, "/first", "1")

    with pytest.raises(BranchMoved, match="right@main"), catalog.write() as conn:
        repos.publish_all(conn, both)

    assert left.log().items == []
    assert [file.path for file in right.at().walk()] == ["/first"]


def test_a_hook_that_fails_undoes_the_commit(repos: Repos, hook: Hears) -> None:
    reviews = repos.create("reviews")
    head = put(reviews, "/a", "1")
    hook.fails = True

    with pytest.raises(KeyError):
        put(reviews, "/a", "2")

    assert reviews.resolve().id == head


def test_a_tree_is_taken_over_without_writing_it_again(
    repos: Repos, catalog: Catalog, storage: Storage
) -> None:
    iris = repos.create("models/iris", system=True)
    version = repos.commit_by_id(put(iris, "/model", "weights"))
    evidence = Provenance("commit", "models/iris", version.id, "version")

    with catalog.write() as conn:
        promoted = repos.publish(
            conn,
            PendingCommit(
                repo="models/iris",
                branch="prod",
                trees=Trees(storage.tree(version.roots.output)),
                parent=repos.head(conn, "models/iris", "prod"),
                message="promote",
                provenance=(evidence,),
                shares=(version.id,),
            ),
        )

    assert iris.at("prod").read("/model") == b"weights"
    assert promoted.roots == version.roots
    assert [branch.name for branch in iris.branches()] == ["main", "prod"]
    assert repos.provenance_of(promoted.id) == [evidence]


def test_a_repo_is_made_in_the_transaction_that_needs_it(repos: Repos, catalog: Catalog) -> None:
    with catalog.write() as conn:
        made = repos.ensure(conn, "models/iris")
        again = repos.ensure(conn, "models/iris")

    assert (made.id, made.kind) == (again.id, "model")
    assert repos.get("models/iris").info().branches == ["main"]


# --- commits that wait for a job ---


def test_a_waiting_commit_shows_nothing_and_moves_nothing(
    repos: Repos, catalog: Catalog, hook: Hears
) -> None:
    output = repos.create("output", kind="output")
    cause = Provenance("commit", "reviews", "0" * 32, "reviews")
    with catalog.write() as conn:
        waiting = repos.reserve(conn, "output", "main", set_id=repos.new_set(conn), provenance=[cause])

    found = repos.commit_by_id(waiting)
    assert (found.state, found.parent, found.provenance) == ("waiting", None, (cause,))
    assert output.log().items == []
    assert hook.heard == []
    with pytest.raises(CommitUnfinished, match="waiting"):
        output.at(waiting)
    with pytest.raises(CommitUnfinished, match="waiting"):
        output.create_tag("v1", waiting)


def test_a_waiting_commit_becomes_the_head_when_it_finishes(
    repos: Repos, catalog: Catalog, storage: Storage, hook: Hears
) -> None:
    output = repos.create("output", kind="output")
    first = repos.commit_by_id(put(output, "/a", "1"))
    with catalog.write() as conn:
        waiting = repos.reserve(conn, "output", "main", set_id=repos.new_set(conn))
    made = pending(storage, first, "output", {"b": b"2"})
    code = Provenance("code", "", "f" * 64, "code")

    with catalog.write() as conn:
        ended = repos.complete(
            conn,
            waiting,
            state="finished",
            trees=made.trees,
            writer=made.writer,
            expect=first.id,
            provenance=[code],
            message="job",
        )

    assert ended == repos.commit_by_id(waiting)
    assert (ended.state, ended.parent, ended.message, ended.files) == ("finished", first.id, "job", 2)
    assert ended.provenance == (code,)
    assert {file.path for file in output.at().walk()} == {"/a", "/b"}
    assert hook.heard[-1] == ["output@main"]
    assert [move.reason for move in output.moves()] == ["commit", "job"]


def test_a_waiting_commit_does_not_finish_on_another_head(
    repos: Repos, catalog: Catalog, storage: Storage
) -> None:
    output = repos.create("output", kind="output")
    with catalog.write() as conn:
        waiting = repos.reserve(conn, "output", "main", set_id=repos.new_set(conn))
    made = pending(storage, None, "output", {"b": b"2"})
    put(output, "/a", "1")

    with pytest.raises(BranchMoved), catalog.write() as conn:
        repos.complete(conn, waiting, state="finished", trees=made.trees, writer=made.writer, expect=None)

    assert repos.commit_by_id(waiting).state == "waiting"


@pytest.mark.parametrize("state", ["failed", "covered"])
def test_a_commit_that_failed_or_was_covered_is_kept_but_never_a_head(
    repos: Repos, catalog: Catalog, storage: Storage, hook: Hears, state: str
) -> None:
    output = repos.create("output", kind="output")
    with catalog.write() as conn:
        waiting = repos.reserve(conn, "output", "main", set_id=repos.new_set(conn))
    made = pending(storage, None, "output", {"half": b"2"})

    with catalog.write() as conn:
        repos.complete(conn, waiting, state=state, trees=made.trees, writer=made.writer)  # type: ignore[arg-type]  # parametrised

    found = repos.commit_by_id(waiting)
    assert found.state == state
    assert storage.map_tree(found.roots.meta).get(b"half") == b"\x91\x01"
    assert output.log().items == []
    assert hook.heard == []
    with pytest.raises(CommitUnfinished, match=state):
        repos.view(found)


def test_a_commit_ends_once(repos: Repos, catalog: Catalog) -> None:
    repos.create("output", kind="output")
    with catalog.write() as conn:
        waiting = repos.reserve(conn, "output", "main", set_id=repos.new_set(conn))
        repos.complete(conn, waiting, state="failed")

    with pytest.raises(CommitEnded, match="failed"), catalog.write() as conn:
        repos.complete(conn, waiting, state="covered")


def test_a_commit_is_not_begun_in_a_repo_that_does_not_exist(repos: Repos, catalog: Catalog) -> None:
    with pytest.raises(RepoNotFound), catalog.write() as conn:
        repos.reserve(conn, "output", "main", set_id=repos.new_set(conn))


# --- provenance both ways ---


def test_what_went_into_a_commit_and_what_came_of_it_are_found(repos: Repos) -> None:
    reviews, output = repos.create("reviews"), repos.create("output", kind="output")
    data = put(reviews, "/a", "1")
    went_in = [
        Provenance("commit", "reviews", data, "reviews"),
        Provenance("code", "", "c" * 64, "code"),
        Provenance("commit", "reviews", data, "again"),
    ]
    made = []
    for number in range(3):
        with output.commit(provenance=went_in) as commit:
            commit.put("/n", str(number))
        made.append(commit.id)

    assert repos.provenance_of(made[0]) == went_in
    assert [commit.id for commit in repos.impact_of(data)] == made[::-1]
    assert [commit.id for commit in repos.impact_of(data, limit=1, before=made[2])] == [made[1]]
    assert [commit.id for commit in repos.impact_of("c" * 64, kind="code")] == made[::-1]
    assert repos.impact_of(made[0]) == []


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_looking_for_impact_uses_an_index(catalog: Catalog) -> None:
    with catalog.read() as conn:
        plan = conn.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT commit_number FROM provenance WHERE target = 'a' AND kind = 'commit'"
        ).all()

    assert "provenance_by_target" in str(plan)
