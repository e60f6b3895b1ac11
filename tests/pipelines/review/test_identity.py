"""What tells datums and their results apart: all that code can see, found where it lies."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from headwater.pipelines.engine import DatumReader
from headwater.pipelines.spec import FilesInput, UnionInput
from headwater.pipelines.tables import pipeline_versions
from tests.pipelines.engine.conftest import Bench


def reader_of(bench: Bench) -> DatumReader:
    parts = bench.coordinator._parts  # noqa: SLF001 - those that the bench has, as one value
    return DatumReader(parts, {bench.kind.name: bench.kind})


def test_a_file_that_may_be_run_is_another_one_than_the_same_that_may_not(bench: Bench) -> None:
    bench.create()
    ran = []

    for executable in (False, True, True, False):
        with bench.repos.get("texts").commit("main", allow_empty=True) as commit:
            commit.put("/tool", "one", executable=executable)
        ran.append(bench.work().datums.run)

    assert ran == [1, 1, 0, 0]


def test_a_datum_is_found_again_where_its_input_stands_in_another_spec(bench: Bench) -> None:
    bench.repos.create("more")
    first, second = FilesInput("first", "texts", glob="/*"), FilesInput("second", "more", glob="/*")
    bench.put({"x": "nothing write of-texts"})
    bench.put({"x": "nothing write of-more"}, "more")
    bench.create(input=UnionInput((first, second)))
    bench.start()
    bench.work()

    bench.create(input=UnionInput((second, first)))
    bench.start()
    job = bench.work()

    assert (job.datums.run, job.datums.kept) == (0, 2)
    reader = reader_of(bench)
    found = {one.label: reader.datum(job.id, one.datum).inputs for one in reader.datums(job.id, all=True)}
    assert found == {"first:/x": ["texts@main:/x"], "second:/x": ["more@main:/x"]}


def test_a_datum_is_shown_though_what_it_saw_was_given_up(bench: Bench) -> None:
    bench.create()
    job = bench.put_and_work({"a.txt": "log hello"})
    given_up = bench.repos.resolve("texts@main")
    bench.put_and_work({"a.txt": "two"})
    bench.repos.get("texts").purge(given_up.id, force=True)

    reader = reader_of(bench)
    [datum] = [reader.datum(job.id, one.datum) for one in reader.datums(job.id)]

    assert (datum.label, datum.state, datum.inputs) == ("texts:/a.txt", "succeeded", [])


def test_a_package_that_was_upgraded_a_moment_ago_is_seen(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    install(site, "1.0")
    monkeypatch.syspath_prepend(str(site))
    bench.create()
    with bench.catalog.write() as conn:
        conn.execute(sa.update(pipeline_versions).values(environment=b'{"brewery": "1.0"}'))
    bench.put_and_work({"a.txt": "one"})

    install(site, "2.0")
    job = bench.put_and_work({"b.txt": "one"})

    assert (job.datums.run, job.datums.kept) == (2, 0)


def install(site: Path, version: str) -> None:
    """Makes a folder hold a distribution in this version only."""
    site.mkdir(exist_ok=True)
    for folder in site.glob("*.dist-info"):
        (folder / "METADATA").unlink()
        folder.rmdir()
    folder = site / f"brewery-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: brewery\nVersion: {version}\n")


def test_outputs_with_long_names_of_many_bytes_fit_into_their_record(bench: Bench) -> None:
    long = "/".join(letter * 220 for letter in "abcd")
    names = [f"{'😀' * 60}/{'😀' * 14}{number}" for number in range(8)]
    bench.create(input=FilesInput("texts", "texts", glob=f"/{long}"))

    job = bench.put_and_work({long: " ".join(["nothing", *(f"write {name}" for name in names)])})

    assert (job.state, job.error) == ("succeeded", None)
    assert set(bench.output()) == set(names)
