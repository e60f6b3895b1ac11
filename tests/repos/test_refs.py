"""How refs and names are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.repos import InvalidRef, Ref, parse_ref, parse_what
from headwater.repos.errors import InvalidName
from headwater.repos.names import check_branch, check_repo, check_tag
from headwater.repos.refs import What


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("reviews", Ref("reviews", "main", None)),
        ("reviews@main", Ref("reviews", "main", None)),
        ("reviews@v1.2^2:/a/b.txt", Ref("reviews", "v1.2^2", "/a/b.txt")),
        ("models/iris@prod", Ref("models/iris", "prod", None)),
        ("reviews:/a@b:c^", Ref("reviews", "main", "/a@b:c^")),
        ("reviews@main:/", Ref("reviews", "main", "/")),
    ],
)
def test_a_ref_has_a_repo_a_name_and_perhaps_a_path(text: str, parts: Ref) -> None:
    assert parse_ref(text) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("main", What("main")),
        ("main^", What("main", 1)),
        ("main^^", What("main", 2)),
        ("main^12", What("main", 12)),
        ("v1.0^2^", What("v1.0", 3)),
        ("main^0", What("main", 0)),
    ],
)
def test_carets_count_commits_before(text: str, parts: What) -> None:
    assert parse_what(text) == parts


@pytest.mark.parametrize(
    "text",
    ["", "@main", "reviews@", "reviews@main:a", "reviews@ma^in", "reviews@^", "reviews@a b", "reviews@a@b"],
)
def test_a_text_that_is_no_ref_says_what_is_wrong(text: str) -> None:
    with pytest.raises(InvalidRef) as caught:
        parse_ref(text)

    assert repr(text) in caught.value.message


@given(
    repo=st.from_regex(r"((models|predictions)/)?[a-z0-9][a-z0-9-]{0,9}", fullmatch=True),
    what=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,9}(\^[0-9]{0,3}){0,2}", fullmatch=True),
    path=st.none() | st.text(max_size=10).map(lambda text: f"/{text}"),
)
def test_a_ref_written_out_is_read_as_it_was(repo: str, what: str, path: str | None) -> None:
    ref = Ref(repo, what, path)

    assert parse_ref(str(ref)) == ref


@pytest.mark.parametrize(
    "name", ["reviews", "a", "0-9", "models/iris", "predictions/iris", "monitors/x", "models"]
)
def test_a_repo_has_lower_case_letters_digits_and_dashes(name: str) -> None:
    check_repo(name)


@pytest.mark.parametrize(
    "name", ["", "Reviews", "a_b", "a.b", "-a", "a/b", "models/", "models/a/b", "a@b", "a" * 101, "ä"]
)
def test_another_name_of_a_repo_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(InvalidName, match="lower-case letters"):
        check_repo(name)


@pytest.mark.parametrize("name", ["main", "feature-1", "Feature_1", "2026"])
def test_a_branch_may_have_letters_digits_dashes_and_underscores(name: str) -> None:
    check_branch(name, repo="reviews")


@pytest.mark.parametrize("name", ["", "a.b", "a/b", "a^", "a b", "-a", "0" * 32])
def test_another_name_of_a_branch_is_refused(name: str) -> None:
    with pytest.raises(InvalidName):
        check_branch(name, repo="reviews")


@pytest.mark.parametrize("name", ["latest", "7"])
def test_branches_of_a_model_are_not_called_as_its_versions_are(name: str) -> None:
    with pytest.raises(InvalidName):
        check_branch(name, repo="models/iris")


@pytest.mark.parametrize("name", ["v1.0", "2026-03", "main"])
def test_a_tag_may_have_dots(name: str) -> None:
    check_tag(name, repo="reviews", by_system=False)


@pytest.mark.parametrize("name", ["latest", "main", "7"])
def test_names_of_versions_are_no_tags_that_a_person_gives_a_model(name: str) -> None:
    with pytest.raises(InvalidName):
        check_tag(name, repo="models/iris", by_system=False)


def test_the_numbers_of_a_models_versions_are_tags_that_headwater_gives() -> None:
    check_tag("7", repo="models/iris", by_system=True)

    with pytest.raises(InvalidName):
        check_tag("latest", repo="models/iris", by_system=True)
