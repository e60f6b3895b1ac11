"""The files of a pipeline's code, on their way into a tree."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from headwater.pipelines.code.errors import CodeTooLarge
from headwater.storage import Put, Tree, Writer

# More than this is data that somebody has put beside the code.
MOST_BYTES = 64 << 20
MOST_FILES = 10_000


class CodeFile(NamedTuple):
    """One file; its path is relative to the root that modules are imported from and commands start in."""

    path: str
    data: bytes
    executable: bool = False


@dataclass(frozen=True)
class CodeBundle:
    """Files in the order of their paths, and what they need beside themselves.

    `function` and `setup` are `module:name` within the files, empty for a
    command. `imports` are the top-level modules of others that the code
    imports; what distributions they come from is looked up where they are.
    """

    files: tuple[CodeFile, ...] = ()
    imports: tuple[str, ...] = ()
    function: str = ""
    setup: str = ""

    @property
    def size(self) -> int:
        """How many bytes the files have."""
        return sum(len(file.data) for file in self.files)


def bundle_of(
    files: Mapping[str, bytes],
    imports: Iterable[str] = (),
    *,
    function: str = "",
    setup: str = "",
    executable: Iterable[str] = (),
    origin: str = "",
) -> CodeBundle:
    """Returns the bundle of these files, by path.

    Raises:
        CodeTooLarge: There are too many of them, or too many bytes.
    """
    runs = frozenset(executable)
    size = sum(map(len, files.values()))
    if size > MOST_BYTES or len(files) > MOST_FILES:
        largest = max(files, key=lambda path: len(files[path]))
        raise CodeTooLarge(origin or function, largest=largest, most_bytes=MOST_BYTES, most_files=MOST_FILES)
    ordered = sorted(files, key=str.encode)
    return CodeBundle(
        tuple(CodeFile(path, files[path], path in runs) for path in ordered),
        tuple(sorted(set(imports))),
        function,
        setup,
    )


def write(writer: Writer, bundle: CodeBundle) -> Tree:
    """Returns the tree of the bundle's files; equal bundles give equal roots."""
    contents = writer.add_small([(file.data, file.executable) for file in bundle.files if _is_small(file)])
    small = iter(contents)
    puts = [
        Put(
            file.path,
            next(small) if _is_small(file) else writer.add(file.data, executable=file.executable),
        )
        for file in bundle.files
    ]
    return writer.edit(writer.empty(), puts)


def _is_small(file: CodeFile) -> bool:
    return len(file.data) <= 1 << 20
