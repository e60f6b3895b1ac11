"""Stores the code of a pipeline's version, and says what makes it another version than the one before."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from blake3 import blake3

from headwater.pipelines.code import CodeBundle, environment, fingerprint
from headwater.pipelines.code import write as write_code
from headwater.pipelines.spec import LoadedSpec
from headwater.pipelines.store import NewVersion
from headwater.storage import Storage, Writer


@contextmanager
def stored(
    storage: Storage, loaded: LoadedSpec, *, author: str, now_ms: int
) -> Iterator[tuple[Writer, NewVersion]]:
    """Gives a version and the writer of its code, which is to be published in the version's own transaction.

    A version is another one where the spec, the code, the interpreter or a
    package that the code uses differs. Code that was not published is given up.
    """
    spec = loaded.spec
    writer = storage.writer()
    try:
        version = NewVersion("", now_ms, author=author)
        if spec.transform is None:
            writer.seal()
        else:
            bundle = loaded.code or CodeBundle()
            packages = environment(spec.transform, bundle.imports)
            tree = write_code(writer, bundle)
            writer.seal()
            version = msgspec.structs.replace(
                version,
                code_root=None if tree.root is None else tree.root.encode(),
                code=fingerprint(tree.root_hash if bundle.files else b"", spec.transform, packages),
                environment=msgspec.json.encode(packages, order="sorted"),
            )
        digest = blake3(spec.canonical() + (version.code or "").encode()).hexdigest()
        yield writer, msgspec.structs.replace(version, digest=digest)
    except BaseException:
        writer.abort()
        raise
    writer.abort()
