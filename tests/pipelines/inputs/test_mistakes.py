"""What is wrong with an input, said all at once and without a catalog."""

import pytest

from headwater.pipelines.spec import (
    CronInput,
    CrossInput,
    FilesInput,
    GroupInput,
    Input,
    JoinInput,
    UnionInput,
)
from headwater.pipelines.spec.algebra import fill, mistakes


def files(name: str = "r", glob: str = "/(*)", **rest: object) -> FilesInput:
    return FilesInput(name=name, repo="r", glob=glob, **rest)  # type: ignore[arg-type]


ON, BY = {"join_on": "$1"}, {"group_by": "$1"}
CLOCK = CronInput(name="tick", schedule="@daily", repo="ticks")


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("$1", "a"),
        ("$2-$1", "b-a"),
        ("${1}0", "a0"),
        ("$10", ""),
        ("$$1", "$1"),
        ("all", "all"),
        ("$3", ""),
        ("$x", "$x"),
        ("", ""),
    ],
)
def test_a_template_takes_captures_by_number(template: str, filled: str) -> None:
    assert fill(template, ("a", "b")) == filled


@pytest.mark.parametrize(
    "input",
    [
        files(),
        CLOCK,
        CrossInput(of=(files("r"), files("s"), CLOCK)),
        UnionInput(of=(files("r"), files("r", "/b/*"))),
        JoinInput(of=(files("r", **ON), files("s", **ON, outer_join=True))),
        JoinInput(of=(CrossInput(of=(files("r", **ON), files("s"), CLOCK)), files("t", join_on="x"))),
        JoinInput(of=(GroupInput(of=(files("r", **BY),)), files("t", **ON))),
        GroupInput(of=(JoinInput(of=(files("r", **ON, **BY), files("s", **ON))),)),
        GroupInput(
            of=(GroupInput(of=(files("r", **BY),)), UnionInput(of=(files("s", **BY), files("s", **BY))))
        ),
    ],
)
def test_what_has_a_meaning_has_no_mistakes(input: Input) -> None:
    assert mistakes(input) == []


@pytest.mark.parametrize(
    ("input", "path", "message"),
    [
        (files(""), "input.name", "needs a name"),
        (files("out"), "input.name", "'out'"),
        (files("a/b"), "input.name", "'a/b'"),
        (files(glob="/[a"), "input.glob", "a [ is not closed"),
        (files(glob="/../a"), "input.glob", "match nothing"),
        (files(**ON), "input.join_on", "only below a join"),
        (files(**BY), "input.group_by", "only below a group"),
        (files(outer_join=True), "input.outer_join", "only below a join"),
        (CrossInput(of=()), "input.cross", "at least one"),
        (UnionInput(of=()), "input.union", "at least one"),
        (JoinInput(of=()), "input.join", "at least one"),
        (GroupInput(of=()), "input.group", "at least one"),
        (CrossInput(of=(files("r"), files("r"))), "input.cross[1]", "'r' is taken by input 0"),
        (CrossInput(of=(UnionInput(of=(files("r"), files("s"))), files("s"))), "input.cross[1]", "'s'"),
        (JoinInput(of=(files("r", **ON), files("r", **ON))), "input.join[1]", "'r' is taken"),
        (JoinInput(of=(files("r"), files("s", **ON))), "input.join[0]", "'r' needs `join_on`"),
        (JoinInput(of=(CLOCK, files("s", **ON))), "input.join[0]", "the clock 'tick'"),
        (JoinInput(of=(files("r", join_on="$2"),)), "input.join[0].join_on", "has 1 (…)"),
        (JoinInput(of=(files("r", "/*", **ON),)), "input.join[0].join_on", "has no (…)"),
        (
            JoinInput(of=(CrossInput(of=(files("r", **ON), files("s", **ON))), files("t", **ON))),
            "input.join[0]",
            "exactly one",
        ),
        (
            JoinInput(of=(UnionInput(of=(files("r", **ON), files("s", **ON, outer_join=True))),)),
            "input.join[0].union",
            "or none",
        ),
        (GroupInput(of=(files("r", **BY), files("s"))), "input.group[1]", "'s' needs `group_by`"),
        (
            GroupInput(of=(JoinInput(of=(files("r", **ON, **BY), files("s", **ON, outer_join=True))),)),
            "input.group[0]",
            "not every datum",
        ),
        (
            GroupInput(of=(UnionInput(of=(files("r", **BY), GroupInput(of=(files("r", **BY),)))),)),
            "input.group[0].union[1]",
            "stands in a group",
        ),
        (UnionInput(of=(files("r"), files("r", reference=True))), "input", "differ in `reference`"),
        (CrossInput(of=tuple(files(f"r{n}") for n in range(300))), "input", "at most 256"),
    ],
)
def test_a_mistake_names_the_field_and_what_is_wrong(input: Input, path: str, message: str) -> None:
    found = mistakes(input)

    assert [one for one in found if one[0] == path and message in one[1]], found


def test_all_mistakes_are_named_at_once() -> None:
    wrong = CrossInput(of=(files(""), JoinInput(of=(files("r"),)), GroupInput(of=())))

    assert [path for path, _ in mistakes(wrong)] == [
        "input.cross[0].name",
        "input.cross[1].join[0]",
        "input.cross[2].group",
    ]
