"""Files and folders as datums, crossed and united: what is a datum, and what changes one."""

from collections.abc import Iterator

import pytest

from headwater.pipelines.kind import DatumInput
from headwater.pipelines.spec import CronInput, CrossInput, FilesInput, Input, UnionInput
from tests.pipelines.inputs.workbench import Bench, Files, changed, labels


def files(name: str = "r", glob: str = "/*", **rest: object) -> FilesInput:
    return FilesInput(name=name, repo=name[0], glob=glob, **rest)  # type: ignore[arg-type]


def every(bench: Bench, input: Input, **state: Files) -> list[str]:
    return labels(bench.planner(input, bench.trees(state)).every())


def test_each_file_and_folder_that_matches_is_one_datum(bench: Bench) -> None:
    state = {"a.txt": 1, "b/1": 1, "b/2": 1}

    assert every(bench, files(), r=state) == ["r:/a.txt", "r:/b"]
    assert every(bench, files(glob="/*/"), r=state) == ["r:/b"]
    assert every(bench, files(glob="/**"), r=state) == ["r:/a.txt", "r:/b", "r:/b/1", "r:/b/2"]


def test_the_whole_repo_is_one_datum_and_an_empty_one_none(bench: Bench) -> None:
    assert every(bench, files(glob="/"), r={"a": 1, "b/c": 2}) == ["r:/"]
    assert every(bench, files(glob="/"), r={}) == []


def test_what_a_clock_has_committed_are_files(bench: Bench) -> None:
    clock = CronInput(name="tick", schedule="@daily", repo="ticks")

    assert every(bench, clock, ticks={"2026-01-01T00:00:00Z": 1}) == ["tick:/2026-01-01T00:00:00Z"]


def test_many_changes_below_a_folder_change_its_datum_once(bench: Bench) -> None:
    old = {f"a/{n:04d}": 1 for n in range(500)} | {"b/x": 1}
    new = {f"a/{n:04d}": 2 for n in range(500)} | {"b/x": 1, "b/y": 1}

    assert changed(bench, files(), {"r": old}, {"r": new}) == (["r:/a", "r:/b"], 0)


@pytest.mark.parametrize("glob", ["/*", "/**", "/a", "/{a,b}*", "/**/a"])
def test_a_file_that_becomes_a_folder_is_the_same_datum_changed(bench: Bench, glob: str) -> None:
    file, folder = {"a": 1, "a-1": 1, "z": 1}, {"a-1": 1, "a/x": 1, "z": 1}

    there = changed(bench, files(glob=glob), {"r": file}, {"r": folder})
    back = changed(bench, files(glob=glob), {"r": folder}, {"r": file})

    below = [] if glob != "/**" else ["r:/a/x"]
    assert there == (["r:/a", *below], 0)
    assert back == (["r:/a"], len(below))


def test_only_the_names_of_references_matter(bench: Bench) -> None:
    crossed = CrossInput(of=(files("r"), files("s", reference=True)))
    old = {"r": {"a": 1}, "s": {"x": 1, "f/1": 1}}

    assert changed(bench, crossed, old, {**old, "s": {"x": 2, "f/1": 2, "f/2": 1}}) == ([], 0)
    assert changed(bench, crossed, old, {**old, "s": {"x": 2, "f": 2, "y": 1}}) == (["r:/a × s:/y"], 0)
    assert changed(bench, crossed, old, {**old, "s": {"x": 2}}) == ([], 1)


def test_another_model_changes_all_that_is_crossed_with_it(bench: Bench) -> None:
    crossed = CrossInput(of=(files("r"), files("m", "/")))
    old = {"r": {"a": 1, "b": 1}, "m": {"w": 1}}

    assert changed(bench, crossed, old, {**old, "m": {"w": 2}}) == (["r:/a × m:/", "r:/b × m:/"], 0)
    assert changed(bench, crossed, old, {**old, "r": {"a": 1, "b": 1, "c": 1}}) == (["r:/c × m:/"], 0)
    assert changed(bench, crossed, old, {"r": {"a": 2, "c": 1}, "m": {"w": 2}})[1] == 1


def test_a_file_that_two_inputs_of_a_union_match_is_one_datum(bench: Bench) -> None:
    united = UnionInput(of=(files("r", "/a*"), files("r", "/*b")))

    assert every(bench, united, r={"ab": 1, "ac": 1, "cb": 1}) == ["r:/ab", "r:/ac", "r:/cb"]
    assert changed(bench, united, {"r": {"ab": 1}}, {"r": {"ab": 2}}) == (["r:/ab"], 0)
    assert changed(bench, united, {"r": {"ab": 1}}, {"r": {}}) == ([], 1)


def test_a_row_that_one_input_of_a_union_gives_up_stays_while_another_has_it(bench: Bench) -> None:
    pairs = CrossInput(of=(files("r"), files("s")))
    some = CrossInput(of=(files("r"), files("s", "/x*")))
    old, new = {"r": {"a": 1}, "s": {"x": 1, "y": 1}}, {"r": {"a": 1}, "s": {"x": 1}}

    assert changed(bench, UnionInput(of=(pairs, some)), old, new) == ([], 1)
    assert changed(bench, UnionInput(of=(some, pairs)), new, old) == (["r:/a × s:/y"], 0)


def test_a_datum_is_found_again_by_its_locator(bench: Bench) -> None:
    crossed = CrossInput(of=(files("r"), files("m", "/")))
    old = bench.trees({"r": {"a": 1, "b": 1}, "m": {"w": 1}})
    new = bench.trees({"r": {"a": 2}, "m": {"w": 1}})
    first, second = bench.planner(crossed, old).every()

    later = bench.planner(crossed, new, old)

    found = later.find(first.locator)
    assert found is not None
    assert [item.hash for item in found.inputs if isinstance(item, DatumInput)] != [
        item.hash for item in first.inputs if isinstance(item, DatumInput)
    ]
    assert later.find(second.locator) is None


@pytest.mark.parametrize(
    "locator", [b"", b"\xc1", b"\x90", b"\x92\x63\xa1a", b"\x92\xff\xa1a", b"\x92\x00\x01"]
)
def test_a_locator_that_fits_nowhere_finds_nothing(bench: Bench, locator: bytes) -> None:
    assert bench.planner(files(), bench.trees({"r": {"a": 1}})).find(locator) is None


def test_paths_as_long_as_can_be_fit_into_a_locator(bench: Bench) -> None:
    long = "/".join(["x" * 255] * 4)[:1_020]
    crossed = CrossInput(of=(files("r", "/**/x*"), files("s", "/**/x*")))

    found: Iterator[bytes] = (
        datum.locator
        for datum in bench.planner(crossed, bench.trees({"r": {long: 1}, "s": {long: 1}})).every()
    )

    assert max(map(len, found)) <= 3_072
