"""Glob patterns: what they match, and that a tree is asked for no more than can match."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from headwater.repos import InvalidGlob
from headwater.repos.reading.glob import read_glob
from headwater.repos.reading.matching import search


@pytest.mark.parametrize(
    ("pattern", "path", "captures"),
    [
        ("/*", "a.txt", ()),
        ("*", "a.txt", ()),
        ("/*.csv", "a.csv", ()),
        ("/a/*/c", "a/b/c", ()),
        ("/**", "a/b/c", ()),
        ("/a/**", "a/b/c", ()),
        ("/**/c", "c", ()),
        ("/**/c", "a/b/c", ()),
        ("/a/**/c", "a/c", ()),
        ("/a**c", "ab/bc", ()),
        ("/?.txt", "ä.txt", ()),
        ("/[a-c]", "b", ()),
        ("/[!a-c]", "d", ()),
        ("/[]]", "]", ()),
        ("/[-a]", "-", ()),
        ("/{a,b{c,d}}", "bd", ()),
        ("/{a/b,c}", "a/b", ()),
        ("/a,b", "a,b", ()),
        ("/a|b", "a|b", ()),
        (r"/\*", "*", ()),
        (r"/\{a\}", "{a}", ()),
        ("/(*)-(*).txt", "a-b.txt", ("a", "b")),
        ("/(a|b)/(**)", "b/c/d", ("b", "c/d")),
        ("/({x,y}z)?", "yz1", ("yz",)),
        ("/(a)|b", "a|b", ("a",)),
        ("/é", "é", ()),
        ("/a+b.$", "a+b.$", ()),
    ],
)
def test_a_pattern_matches(pattern: str, path: str, captures: tuple[str, ...]) -> None:
    assert read_glob(pattern).match(path) == captures


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/*", "a/b"),
        ("/*.csv", "a/b.csv"),
        ("/a/**", "a"),
        ("/a?b", "a/b"),
        ("/a[!x]b", "a/b"),
        ("/a.b", "axb"),
        ("/{a,b}", "a,b"),
        ("/A", "a"),
        ("/**/c", "bc"),
    ],
)
def test_a_pattern_does_not_match(pattern: str, path: str) -> None:
    assert read_glob(pattern).match(path) is None


@pytest.mark.parametrize(
    "pattern",
    ["/{a", "/(a", "/a)", "/a}", "/[a", "/(a}", "/a//b", "/[z-a]", "/a\\", "/" + "(" * 999 + ")" * 999],
)
def test_a_pattern_with_a_mistake_is_named(pattern: str) -> None:
    with pytest.raises(InvalidGlob) as caught:
        read_glob(pattern)

    assert repr(pattern) in caught.value.message


@given(path=st.lists(st.text("ab*?[]{}(),|\\!-^&~.é", min_size=1), min_size=1, max_size=3).map("/".join))
def test_a_path_with_every_sign_escaped_matches_itself_alone(path: str) -> None:
    glob = read_glob("/" + re.sub(r"([*?\[\]{}()|\\])", r"\\\1", path))

    assert glob.match(path) == ()
    assert glob.match(path + "x") is None
    assert all(part.literal for part in glob.parts)


ATOMS = st.sampled_from(
    ["a", "b", "*", "*", "**", "?", "[ab]", "[!a]", "/", "a/**/", "**/", r"\*", "(*)", "(**)", ",", "|"]
)
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner | st.just(""), min_size=1, max_size=3).map(lambda some: f"({'|'.join(some)})"),
        st.lists(inner | st.just(""), min_size=1, max_size=3).map(lambda some: f"{{{','.join(some)}}}"),
    ),
    max_leaves=8,
)


@given(pattern=PATTERNS, name=st.text("ab/*", max_size=9))
def test_a_walk_through_the_steps_finds_what_the_expression_finds(pattern: str, name: str) -> None:
    try:
        whole = read_glob(pattern).whole
    except InvalidGlob:
        assume(condition=False)
    found = whole.expression.fullmatch(name)
    tried: set[int] = set()

    held = search(whole.steps, name, whole.groups, tried)

    assert held == (None if found is None else tuple(group or "" for group in found.groups()))
    assert len(tried) <= (len(whole.steps) + 1) * (len(name) + 1)


@pytest.mark.parametrize(
    "pattern",
    [
        "/(*)(*)(*)(*)(*)(*)(*)(*)x",
        "/*a*a*a*a*a*a*a*a*x",
        "/**/a/**/a/**/a/**/a/**/a/**/a/**/x",
        "/a**a**a**a**a**a**x",
        "/" + "{a,aa}" * 40 + "x",
        "/(*a*/*a*/*a*/*a*/*a*/*a*b|x)",
    ],
)
def test_no_pattern_takes_more_than_its_length_times_that_of_the_name(pattern: str) -> None:
    whole = read_glob(pattern).whole
    name = "/".join(["a" * 60] * 6) if "/*a*/" in pattern else "a/" * 30 if "**/" in pattern else "a" * 60
    tried: set[int] = set()

    fits = whole.fits(name)

    assert not fits
    assert whole.longest < len(name)
    assert search(whole.steps, name, 0, tried) is None
    assert len(tried) <= (len(whole.steps) + 1) * (len(name) + 1)


@pytest.mark.parametrize(
    "pattern",
    ["/*", "/**", "/(*)-(*).txt", "/*/*/*/*/(*).csv", "/**/*.csv", "/a/{b,c}/*", "/(*)/(*)_?/[ab]*"],
)
def test_usual_patterns_are_left_to_the_expression(pattern: str) -> None:
    assert read_glob(pattern).whole.longest > 250


def test_captures_are_the_same_beyond_what_the_expression_is_tried_for() -> None:
    name = "-".join(["a" * 40] * 5) + ".txt"
    glob = read_glob("/(*)-(*)-(*)-(*)-(*).txt")

    held = glob.match(name)

    assert glob.whole.longest < len(name)
    assert held == ("a" * 40,) * 5
