"""Glob patterns: what they match, and that a tree is asked for no more than can match."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.repos import InvalidGlob
from headwater.repos.glob import read_glob


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


@pytest.mark.parametrize("pattern", ["/{a", "/(a", "/a)", "/a}", "/[a", "/(a}", "/a//b", "/[z-a]", "/a\\"])
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
