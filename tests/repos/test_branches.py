"""Repos, branches, tags and refs: made, found, moved, protected, and named when they are missing."""

import pytest

from headwater.ids import CommitId
from headwater.repos import (
    AmbiguousRef,
    BranchMoved,
    CommitNotFound,
    InvalidName,
    InvalidRef,
    ProtectedRepo,
    RefExists,
    RefNotFound,
    Repo,
    RepoExists,
    RepoNotFound,
    Repos,
)


def put(repo: Repo, path: str, text: str, branch: str = "main") -> CommitId:
    with repo.commit(branch) as commit:
        commit.put(path, text)
    return commit.id


# --- repos ---


def test_a_new_repo_has_an_empty_main_branch(repos: Repos) -> None:
    info = repos.create("reviews").info()

    assert (info.name, info.kind, info.branches, info.files, info.size) == ("reviews", "data", ["main"], 0, 0)
    assert info.created.endswith("Z")


def test_repos_are_listed_by_name_with_what_main_holds(repos: Repos) -> None:
    put(repos.create("reviews"), "/a", "123")
    repos.create("models/iris", system=True)

    listed = list(repos.list())

    assert [(info.name, info.kind, info.files, info.size) for info in listed] == [
        ("models/iris", "model", 0, 0),
        ("reviews", "data", 1, 3),
    ]


def test_a_name_is_taken_once(repos: Repos, reviews: Repo) -> None:
    with pytest.raises(RepoExists, match="'reviews'"):
        repos.create("reviews")

    assert repos.exists("reviews")
    assert not repos.exists("others")


def test_a_name_that_breaks_the_rule_is_refused(repos: Repos) -> None:
    with pytest.raises(InvalidName):
        repos.create("Reviews")


def test_a_missing_repo_names_those_that_come_near(repos: Repos, reviews: Repo) -> None:
    for look in (repos.get, repos.resolve):
        with pytest.raises(RepoNotFound) as caught:
            look("reviws")
        assert "'reviws'" in caught.value.message
        assert "'reviews'" in caught.value.hint


def test_the_first_missing_repo_says_how_to_make_it(repos: Repos) -> None:
    with pytest.raises(RepoNotFound) as caught:
        repos.get("reviews")

    assert "headwater repo create reviews" in caught.value.hint


# --- protected repos ---


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("models/iris", "headwater promote"),
        ("predictions/iris", "headwater serve"),
        ("monitors/iris", "Monitoring"),
    ],
)
def test_a_repo_that_headwater_writes_is_not_written_by_hand(repos: Repos, name: str, command: str) -> None:
    with pytest.raises(ProtectedRepo, match=command):
        repos.create(name)
    put(repos.create(name, system=True), "/a", "1")
    by_hand = repos.get(name)

    for change in (
        lambda: by_hand.commit("main"),
        lambda: by_hand.create_branch("prod", "main"),
        lambda: by_hand.move_branch("main", "main"),
        lambda: by_hand.create_tag("v1", "main"),
    ):
        with pytest.raises(ProtectedRepo, match=command):
            change()
    assert by_hand.at("main").read("/a") == b"1"


# --- refs ---


def test_a_ref_means_a_branch_then_a_tag_then_a_commit(repos: Repos, reviews: Repo) -> None:
    first, second = put(reviews, "/a", "1"), put(reviews, "/a", "2")
    reviews.create_tag("v1", "main^")

    assert repos.resolve("reviews").id == second
    assert repos.resolve("reviews@main").id == second
    assert repos.resolve("reviews@v1").id == first
    assert repos.resolve(f"reviews@{second}").id == second
    assert repos.resolve(f"reviews@{second[:8]}").id == second
    assert repos.resolve(f"reviews@{second[:8].upper()}^").id == first
    assert repos.resolve("reviews@main^0").id == second
    assert repos.resolve("reviews", default_branch="v1").id == first


def test_a_branch_named_like_the_beginning_of_a_commit_means_the_branch(repos: Repos, reviews: Repo) -> None:
    first = put(reviews, "/a", "1")
    reviews.create_branch(first[:8])
    put(reviews, "/b", "2", first[:8])

    assert repos.resolve(f"reviews@{first[:8]}").id != first
    assert repos.resolve(f"reviews@{first[:9]}").id == first


def test_carets_walk_back_along_the_line(repos: Repos, reviews: Repo) -> None:
    made = [put(reviews, "/n", str(number)) for number in range(4)]

    assert [repos.resolve(f"reviews@main^{steps}").id for steps in range(4)] == made[::-1]
    assert repos.resolve("reviews@main^^").id == made[1]
    with pytest.raises(RefNotFound, match="only 3 commits come before"):
        repos.resolve("reviews@main^4")


def test_digits_that_begin_two_commits_are_ambiguous(
    repos: Repos, reviews: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = iter(["5e" * 16, "abcdef0123" + "0" * 22, "5f" * 16, "abcdef0199" + "0" * 22])
    monkeypatch.setattr("headwater.repos.publishing.random_id", lambda: next(ids))
    made = [put(reviews, "/a", "1"), put(reviews, "/a", "2")]
    beginning = "abcdef01"

    with pytest.raises(AmbiguousRef) as caught:
        repos.resolve(f"reviews@{beginning}")

    assert caught.value.candidates == sorted(made)
    assert repos.resolve(f"reviews@{beginning}2").id in made


def test_fewer_than_eight_digits_mean_no_commit(repos: Repos, reviews: Repo) -> None:
    made = put(reviews, "/a", "1")

    with pytest.raises(RefNotFound) as caught:
        repos.resolve(f"reviews@{made[:7]}")

    assert "at least 8 digits" in caught.value.hint


def test_a_missing_ref_names_those_that_come_near(repos: Repos, reviews: Repo) -> None:
    put(reviews, "/a", "1")
    reviews.create_tag("v1.0", "main")

    with pytest.raises(RefNotFound) as caught:
        repos.resolve("reviews@mian")
    assert "'mian'" in caught.value.message
    assert "'main'" in caught.value.hint
    with pytest.raises(RefNotFound) as caught:
        repos.resolve("reviews@v1.1")
    assert "'v1.0'" in caught.value.hint


def test_a_commit_of_another_repo_is_pointed_to(repos: Repos, reviews: Repo) -> None:
    other = put(repos.create("others"), "/a", "1")

    with pytest.raises(RefNotFound) as caught:
        repos.resolve(f"reviews@{other}")

    assert f"others@{other}" in caught.value.hint
    assert repos.commit_by_id(other).repo == "others"


def test_an_id_that_nothing_has_is_named(repos: Repos) -> None:
    with pytest.raises(CommitNotFound):
        repos.commit_by_id("0" * 32)


def test_a_path_is_no_part_of_a_commits_ref(repos: Repos, reviews: Repo) -> None:
    with pytest.raises(InvalidRef):
        repos.resolve("reviews@main:/a")


# --- branches and tags ---


def test_branches_go_their_own_ways(reviews: Repo) -> None:
    put(reviews, "/a", "1")
    made = reviews.create_branch("next", "main")
    put(reviews, "/a", "main's")
    put(reviews, "/b", "next's", "next")

    assert made.commit == reviews.resolve("main^").id
    assert reviews.at("main").read("/a") == b"main's"
    assert reviews.at("next").read("/a") == b"1"
    assert [row.path for row in reviews.diff("main", "next")] == ["/a", "/b"]
    assert [(info.name, info.commit) for info in reviews.branches()] == [
        ("main", reviews.resolve("main").id),
        ("next", reviews.resolve("next").id),
    ]


def test_a_branch_may_begin_with_nothing(reviews: Repo) -> None:
    put(reviews, "/a", "1")

    assert reviews.create_branch("empty").commit is None
    put(reviews, "/b", "2", "empty")

    assert [file.path for file in reviews.at("empty").walk()] == ["/b"]
    assert reviews.resolve("empty").parent is None


def test_a_tag_stays_where_it_was_put(reviews: Repo) -> None:
    first = put(reviews, "/a", "1")
    reviews.create_tag("v1", "main")
    put(reviews, "/a", "2")

    assert reviews.at("v1").read("/a") == b"1"
    assert [(info.name, info.commit) for info in reviews.tags()] == [("v1", first)]


def test_a_branch_and_a_tag_do_not_share_a_name(reviews: Repo) -> None:
    put(reviews, "/a", "1")
    reviews.create_tag("v1", "main")
    reviews.create_branch("next", "main")

    for name in ("v1", "next"):
        with pytest.raises(RefExists, match=name):
            reviews.create_branch(name, "main")
        with pytest.raises(RefExists, match=name):
            reviews.create_tag(name, "main")


def test_a_branch_moves_back_and_the_log_says_so(reviews: Repo) -> None:
    first, second = put(reviews, "/a", "1"), put(reviews, "/a", "2")

    moved = reviews.move_branch("main", "main^", author="Ada", reason="bad import")

    assert (moved.commit, reviews.at("main").read("/a")) == (first, b"1")
    assert [(move.old, move.new, move.author, move.reason) for move in reviews.moves("main")] == [
        (None, first, "", "commit"),
        (first, second, "", "commit"),
        (second, first, "Ada", "bad import"),
    ]
    assert reviews.at(second).read("/a") == b"2"


def test_a_branch_that_is_elsewhere_by_now_is_not_moved(reviews: Repo) -> None:
    first, second = put(reviews, "/a", "1"), put(reviews, "/a", "2")

    with pytest.raises(BranchMoved) as caught:
        reviews.move_branch("main", first, expect=first)

    assert (caught.value.expected, caught.value.found) == (first, second)
    assert reviews.move_branch("main", first, expect=second).commit == first


def test_moving_a_branch_that_does_not_exist_names_those_that_do(reviews: Repo) -> None:
    put(reviews, "/a", "1")

    with pytest.raises(RefNotFound, match="'main'"):
        reviews.move_branch("mian", "main")
