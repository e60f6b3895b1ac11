"""Joins and groups: what matches, what goes together, and what one more file changes."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from headwater.pipelines.errors import InputTooLong
from headwater.pipelines.keys import datum_key, memo_key
from headwater.pipelines.kind import Members
from headwater.pipelines.spec import CrossInput, FilesInput, GroupInput, JoinInput, UnionInput
from tests.pipelines.inputs.workbench import Bench, Files, changed, labels


def files(name: str, **rest: object) -> FilesInput:
    """An input `r` or `s` or `t` whose files are known by the letters before a dash."""
    made = {"name": name, "repo": name[0], "glob": "/(*)-(*)", "join_on": "$1"} | rest
    return FilesInput(**made)  # type: ignore[arg-type]


def grouped(name: str = "r", by: str = "$1", **rest: object) -> FilesInput:
    return files(name, join_on="", group_by=by, **rest)


def names(*paths: str) -> Files:
    return dict.fromkeys(paths, 1)


def test_what_has_the_same_value_is_joined(bench: Bench) -> None:
    joined = JoinInput(of=(files("r"), files("s")))
    trees = bench.trees({"r": names("a-1", "a-2", "b-1"), "s": names("a-x", "c-x")})

    assert labels(bench.planner(joined, trees).every()) == ["r:/a-1 × s:/a-x", "r:/a-2 × s:/a-x"]


def test_an_unmatched_row_of_an_outer_input_is_a_datum_until_it_is_matched(bench: Bench) -> None:
    joined = JoinInput(of=(files("r", outer_join=True), files("s")))
    alone, matched = {"r": names("a-1"), "s": {}}, {"r": names("a-1"), "s": names("a-x")}

    assert changed(bench, joined, {"r": {}, "s": {}}, alone) == (["r:/a-1"], 0)
    assert changed(bench, joined, alone, matched) == (["r:/a-1 × s:/a-x"], 1)
    assert changed(bench, joined, matched, alone) == (["r:/a-1"], 1)
    assert changed(bench, joined, matched, {"r": {}, "s": names("a-x")}) == ([], 1)


@pytest.mark.parametrize(
    ("r", "s", "t", "expected"),
    [
        ("a-1", "a-2", "a-3", ["r:/a-1 × s:/a-2 × t:/a-3"]),
        ("a-1", "a-2", "b-3", ["r:/a-1 × s:/a-2"]),
        ("a-1", "b-2", "a-3", ["r:/a-1", "s:/b-2"]),
        ("b-1", "a-2", "a-3", ["s:/a-2", "r:/b-1"]),
        ("b-1", "c-2", "a-3", ["r:/b-1", "s:/c-2"]),
    ],
)
def test_of_three_inputs_the_outer_ones_that_have_a_value_are_joined_without_the_others(
    bench: Bench, r: str, s: str, t: str, expected: Sequence[str]
) -> None:
    joined = JoinInput(of=(files("r", outer_join=True), files("s", outer_join=True), files("t")))
    trees = bench.trees({"r": names(r), "s": names(s), "t": names(t)})

    assert labels(bench.planner(joined, trees).every()) == expected


def test_a_value_with_many_rows_gives_one_row_more_for_one_file_more(bench: Bench) -> None:
    joined = JoinInput(of=(files("r"), files("s")))
    many = names(*(f"a-{n:05d}" for n in range(6_000)))

    assert changed(
        bench, joined, {"r": many, "s": names("a-x")}, {"r": {**many, "a-new": 1}, "s": names("a-x")}
    ) == (
        ["r:/a-new × s:/a-x"],
        0,
    )


def test_a_group_stays_the_same_datum_when_it_grows(bench: Bench) -> None:
    group = GroupInput(of=(grouped("r"), grouped("s")))
    (old,) = bench.planner(group, bench.trees({"r": names("a-1"), "s": names("a-x")})).every()
    (new,) = bench.planner(group, bench.trees({"r": names("a-1", "a-2"), "s": names("a-x")})).every()

    assert datum_key(old) == datum_key(new)
    assert memo_key(old, "") != memo_key(new, "")
    (members,) = new.inputs
    assert isinstance(members, Members)
    assert [(one.input, one.path) for one in members.each()] == [("r", "a-1"), ("r", "a-2"), ("s", "a-x")]
    assert (members.count, members.size, new.label) == (3, 33, "group:a")


def test_a_file_more_changes_its_own_group_only(bench: Bench) -> None:
    group = GroupInput(of=(grouped(),))
    old = {"r": names("a-1", "b-1")}

    assert changed(bench, group, old, {"r": names("a-1", "b-1", "b-2")}) == (["group:b"], 0)
    assert changed(bench, group, old, {"r": names("a-1", "b-1", "c-1")}) == (["group:c"], 0)
    assert changed(bench, group, old, {"r": names("a-1")}) == ([], 1)


def test_a_group_does_not_change_with_its_references(bench: Bench) -> None:
    group = GroupInput(of=(grouped("r"), grouped("s", reference=True)))
    old = {"r": names("a-1"), "s": names("a-x")}
    new = bench.trees({"r": names("a-1"), "s": {"a-x": 2, "a-y": 1}})

    (datum,) = bench.planner(group, new).every()

    assert changed(bench, group, old, {"r": names("a-1"), "s": {"a-x": 2, "a-y": 1}}) == ([], 0)
    (members,) = datum.inputs
    assert isinstance(members, Members)
    assert [one.path for one in members.each()] == ["a-1", "a-x", "a-y"]
    assert (members.count, members.size) == (1, 11)


def test_a_file_that_several_joined_rows_bring_leaves_its_group_with_the_last_of_them(bench: Bench) -> None:
    joined = JoinInput(of=(files("r", group_by="$1"), files("s")))
    group = GroupInput(of=(joined,))
    states = [names("a-1", "a-2"), names("a-1"), names()]
    trees = [bench.trees({"r": one, "s": names("a-x")}) for one in states]
    planner = bench.planner(group, trees[0])
    (datum,) = planner.every()

    seen = [datum.inputs[0]]
    for before, after in pairwise(trees):
        planner = bench.planner(group, after, before, planner.index())
        (change,) = planner.changes()
        seen += change.datum.inputs if change.datum else ()

    assert [[one.path for one in members.each()] for members in seen if isinstance(members, Members)] == [
        ["a-1", "a-2", "a-x"],
        ["a-1", "a-x"],
    ]


def test_a_group_is_joined_by_its_value(bench: Bench) -> None:
    joined = JoinInput(of=(GroupInput(of=(grouped("r"),)), files("s")))
    old = {"r": names("a-1", "b-1"), "s": names("a-x")}

    assert changed(bench, joined, {"r": {}, "s": {}}, old) == (["group:a × s:/a-x"], 0)
    assert changed(bench, joined, old, {**old, "r": names("a-1", "a-2", "b-1")}) == (["group:a × s:/a-x"], 0)
    assert changed(bench, joined, old, {**old, "r": names("a-1", "b-1", "b-2")}) == ([], 0)


def test_a_union_is_joined_by_whichever_input_gave_the_row(bench: Bench) -> None:
    united = UnionInput(of=(files("r"), files("s", glob="/x-(*)")))
    joined = JoinInput(of=(united, files("t")))
    trees = bench.trees({"r": names("a-1"), "s": names("x-a", "x-b"), "t": names("a-t")})

    assert sorted(labels(bench.planner(joined, trees).every())) == ["r:/a-1 × t:/a-t", "s:/x-a × t:/a-t"]


def test_long_values_and_paths_are_joined_and_grouped_like_short_ones(bench: Bench) -> None:
    folder = "/".join(["d" * 250] * 3)
    paths = [f"{folder}/{'v' * 200}{n}" for n in range(3)]
    deep = {"glob": "/(**)", "join_on": "", "group_by": "$1$1$1"}
    group = GroupInput(of=(files("r", **deep, reference=False),))
    every = GroupInput(of=(files("r", **{**deep, "group_by": "all"}),))

    datums = list(bench.planner(group, bench.trees({"r": names(paths[0])})).every())
    (one,) = bench.planner(every, bench.trees({"r": names(*paths)})).every()

    assert len({datum.label for datum in datums}) == 4
    (members,) = one.inputs
    assert isinstance(members, Members)
    assert {member.path for member in members.each()} > set(paths)
    assert changed(bench, group, {"r": names(*paths[:2])}, {"r": names(paths[0])})[1] == 1


def test_paths_that_fit_into_no_index_are_refused_by_name(bench: Bench) -> None:
    long = "/".join(["d" * 250] * 4)
    pieces = tuple(files(f"r{n}", glob="/**/d*/d*", join_on="$$" if n == 0 else "") for n in range(5))
    joined = JoinInput(of=(CrossInput(of=pieces),))

    with pytest.raises(InputTooLong, match="cannot be joined"):
        list(bench.planner(joined, bench.trees({"r": names(long)})).every())


def test_an_index_of_several_joins_and_groups_is_the_same_however_it_came_about(bench: Bench) -> None:
    input = CrossInput(
        of=(
            GroupInput(of=(grouped("r"),)),
            JoinInput(of=(files("s"), JoinInput(of=(files("t"), files("u"))))),
        )
    )
    states = [
        {"r": names("a-1"), "s": names("a-1", "b-1"), "t": names("a-1"), "u": names("a-1")},
        {"r": names("a-1", "b-1"), "s": names("b-1"), "t": names("a-1", "b-1"), "u": names("b-1")},
    ]
    trees = [bench.trees(state) for state in states]
    first, scratch = bench.planner(input, trees[0]), bench.planner(input, trees[1])
    was = {datum_key(datum) for datum in first.every()}
    now = {datum_key(datum) for datum in scratch.every()}

    later = bench.planner(input, trees[1], trees[0], first.index())
    changes = list(later.changes())

    assert {one.key for one in changes if one.datum is None} == was - now
    index, whole = later.index(), scratch.index()
    assert index is not None
    assert whole is not None
    assert index.root_hash == whole.root_hash
