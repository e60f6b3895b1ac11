"""A pipeline that has run over as many files as wanted, without running it.

The input repo gets its files in one commit, and the job which that commit
causes is ended by hand, with the trees that it would have left had each datum
written one small file. What comes after it is the real thing.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from headwater.ids import CommitId
from headwater.pipelines import store
from headwater.pipelines.engine.load import find_start, load
from headwater.pipelines.engine.records import (
    FORMAT,
    DatumRecord,
    InlineFile,
    encode_owner,
    encode_record,
    fitting_locator,
)
from headwater.pipelines.keys import datum_key, memo_key
from headwater.repos import PendingCommit, Trees
from headwater.storage import Content, MapEntry, Put, Tree, Writer
from headwater.workspace import Workspace

_AT_ONCE = 100_000
T = TypeVar("T")
PathOf = Callable[[int], str]


def path_of(number: int) -> str:
    """Returns the path of a file: a thousand of them in each folder."""
    return f"{number // 1_000:04}/{number % 1_000:03}.txt"


def fill(workspace: Workspace, repo: str, count: int, path: PathOf = path_of) -> CommitId:
    """Commits so many files, all with the same few words, to the main branch of a repo that is there."""
    parts = workspace._parts  # noqa: SLF001 - what no user does
    writer = parts.storage.writer()
    content = writer.add(b"a film like any other")
    tree = _edited(writer, parts.storage.tree(None), (Put(path(number), content) for number in range(count)))
    writer.seal()
    with parts.catalog.write() as conn:
        pending = PendingCommit(repo, "main", Trees(tree), None, writer, message=f"{count} files")
        return parts.repos.publish(conn, pending).id


def finished_pipeline(
    workspace: Workspace, pipeline: Any, repo: str, count: int, path: PathOf = path_of
) -> None:
    """Makes a repo with so many files, a pipeline over it, and the output of all of them."""
    workspace.create_repo(repo)
    name = workspace.pipelines.create(pipeline).name
    fill(workspace, repo, count, path)
    finish_queued(workspace, name)


def finish_queued(workspace: Workspace, name: str) -> None:
    """Ends the queued job of a pipeline as if each of its datums had written one file."""
    parts = workspace._parts  # noqa: SLF001 - what no user does
    engine = parts.engine(_no_executor, processes=1)
    with parts.catalog.read() as conn:
        row = store.find_pipeline(conn, name)
        assert row is not None, "the pipeline was made before"
        [job] = store.jobs_in(conn, row.id, ("queued",))
    loaded = load(engine, parts.kinds, job)
    start = find_start(engine, loaded, forced=False)
    writer = parts.storage.writer()
    content = writer.add(b"5\n")
    planner = loaded.kind.planner(loaded.view, start.plan, writer)
    output, meta = parts.storage.tree(None), parts.storage.map_tree(None)
    owner = parts.storage.map_tree(None)
    for datums in _chunks(planner.every()):
        keyed = [(datum_key(datum), datum) for datum in datums]
        paths = [f"{key.hex()}.txt" for key, _ in keyed]
        output = writer.edit(output, [Put(path, content) for path in paths])
        owner = writer.edit_map(
            owner, [(path.encode(), encode_owner(key)) for path, (key, _) in zip(paths, keyed, strict=True)]
        )
        entries = [
            _entry(key, memo_key(datum, row.salt, with_code=True), datum, path, content, job.id)
            for path, (key, datum) in zip(paths, keyed, strict=True)
        ]
        meta = writer.edit_map(meta, entries, plain=[key for key, _ in keyed])
    trees = Trees(
        output, meta, owner, planner.index() or parts.storage.map_tree(None), parts.storage.map_tree(None)
    )
    writer.seal()
    with parts.catalog.write() as conn:
        parts.repos.complete(conn, CommitId(loaded.view.commit), state="finished", trees=trees, writer=writer)
        values = {"run": meta.count, "total": meta.count, "based": True, "recipe": start.recipe}
        now_ms = parts.clock.now_ms()
        store.change_job(conn, job.id, state="succeeded", started_ms=now_ms, finished_ms=now_ms, **values)
        parts.trigger.ended(conn, parts.repos, job, "succeeded")


def _entry(key: bytes, memo: bytes, datum: Any, path: str, content: Content, job: str) -> MapEntry:
    assert content.place is not None, "the content is not empty"
    record = DatumRecord(
        format=FORMAT,
        memo=memo,
        state="succeeded",
        code=datum.code,
        output=b"",
        files=1,
        size=content.size,
        label=datum.label,
        stats={},
        job=job,
        inline=(InlineFile(path, content.hash, content.size, executable=False),),
        locator=fitting_locator(datum.locator),
    )
    return MapEntry(key, encode_record(record), (content.place,))


def _edited(writer: Writer, tree: Tree, puts: Iterable[Put]) -> Tree:
    for some in _chunks(puts):
        tree = writer.edit(tree, some)
    return tree


def _chunks(rows: Iterable[T]) -> Iterator[list[T]]:
    whole = iter(rows)
    while some := list(islice(whole, _AT_ONCE)):
        yield some


def _no_executor() -> Any:
    raise RuntimeError("nothing is run here")
