"""Files and folders of one repo that match a glob, each a row of one item.

What changed is found in the structural difference of the two trees, bounded
by the letters that the glob begins with. Each changed path concerns itself
and the folders above it, as far as the glob matches them; a folder with many
changes is left as soon as it is known.
"""

from collections.abc import Iterator, Sequence

from blake3 import blake3

from headwater.pipelines.inputs.differences import Differences, Entry, beyond
from headwater.pipelines.inputs.node import NEW, OLD, Identity, Mark, Node, Row, RowChange, State
from headwater.pipelines.kind import DatumInput
from headwater.pipelines.spec import FilesInput
from headwater.pipelines.spec.algebra import fill
from headwater.repos.reading.expand import expand
from headwater.repos.reading.glob import Part, read_glob
from headwater.storage import Tree

Touched = tuple[str, tuple[Entry | None, Entry | None] | None]  # a path, and where it is a file both entries

_MOST_VALUE_BYTES = 255
_KEPT_VALUE_BYTES = 180


class Leaf(Node):
    """The files of one input, by its place in the spec."""

    def __init__(self, number: int, spec: FilesInput, trees: Sequence[Tree]) -> None:
        """Takes the trees of both states, or twice the same where there is no base."""
        self.number, self.spec = number, spec
        self._glob, self._trees = read_glob(spec.glob), trees
        self.mark: Mark = (spec.name, spec.repo, spec.branch)
        self.marks, self.leaves = frozenset({self.mark}), frozenset({number})

    def rows(self, state: State) -> Iterator[Row]:
        """Yields what matches, in the order of paths."""
        tree = self._trees[state]
        if not self._glob.parts:
            root = self._folder(tree, "")
            if root is not None:
                yield (root,)
            return
        matches = self._glob.whole.fits
        for path, entry in expand(self._glob, tree):
            if not matches(path):
                continue
            if entry is not None:
                yield (self.item(path, held(entry.hash, executable=entry.executable), entry.size),)
            else:
                folder = self._folder(tree, path)
                assert folder is not None, "a folder that was found has files"
                yield (folder,)

    def changes(self) -> Iterator[RowChange]:
        """Yields what matches and is not the same in both trees."""
        old, new = self._trees
        if old.root_hash == new.root_hash:
            return
        for before, after in self._pairs(old, new):
            if not _is_known(before, after):
                yield RowChange(None if before is None else (before,), None if after is None else (after,))

    def at(self, identity: Identity, state: State) -> Row | None:
        """Returns the file or folder at a path."""
        if len(identity) != 1 or identity[0][0] != self.mark:
            return None
        path = identity[0][1]
        matches = self._glob.whole.fits(path) if path else not self._glob.parts
        if not matches:
            return None
        item = self._match(self._trees[state], path)
        return None if item is None else (item,)

    def look(self, path: str, state: State) -> DatumInput | None:
        """Returns the file or folder at a path, of which somebody knows that it belongs to the input."""
        return self._look(self._trees[state], path)

    def join_value(self, row: Row) -> bytes:
        """Returns what `join_on` makes of the captures."""
        (item,) = row
        assert isinstance(item, DatumInput), "a leaf gives files and folders"
        return self._value(self.spec.join_on, item.path)

    def group_value(self, path: str) -> bytes | None:
        """Returns what `group_by` makes of the captures; none without one."""
        return self._value(self.spec.group_by, path) if self.spec.group_by else None

    def item(self, path: str, hash: bytes, size: int, *, is_folder: bool = False) -> DatumInput:
        """Returns one of the input's files or folders."""
        spec = self.spec
        return DatumInput(
            spec.name, spec.repo, spec.branch, path, hash, None, spec.reference, self.number, is_folder, size
        )

    def _value(self, template: str, path: str) -> bytes:
        """Returns a value of at most 255 bytes: a longer one is its beginning and the hash of the whole."""
        value = fill(template, self._glob.match(path) or ()).encode()
        if len(value) <= _MOST_VALUE_BYTES:
            return value
        begin = value[:_KEPT_VALUE_BYTES].decode(errors="ignore")
        return f"{begin}…{blake3(value).hexdigest()}".encode()

    def _pairs(self, old: Tree, new: Tree) -> Iterator[tuple[DatumInput | None, DatumInput | None]]:
        """Yields what may differ, each path once."""
        parts = self._glob.parts
        if all(part.literal for part in parts):
            path = "/".join([part.begin for part in parts])
            yield self._match(old, path), self._match(new, path)
            return
        begin = _begin(parts).encode()
        differences = Differences(old, new, begin, beyond(begin))
        anywhere = any(part.deep for part in parts)
        touched = self._touched_anywhere if anywhere else self._touched_on_level
        for path, files in touched(differences):
            if files is None:
                before, after = self._match(old, path), self._match(new, path)
                if _is_file(before) or _is_file(after):
                    continue  # it was seen before, as the file that it was or has become
            else:
                before, after = self._side(old, path, files[OLD]), self._side(new, path, files[NEW])
            yield before, after

    def _touched_on_level(self, differences: Differences) -> Iterator[Touched]:
        parts = self._glob.parts
        levels = len(parts)
        for key, before, after in differences:
            names = key.split(b"/", levels)
            above = _refused(names, parts)
            if above:
                if above < len(names):
                    differences.leap(beyond(b"/".join(names[:above]) + b"/"))
            elif len(names) > levels:
                folder = b"/".join(names[:levels])
                differences.leap(beyond(folder + b"/"))
                path = folder.decode()
                if self._glob.whole.fits(path):
                    yield path, None
            elif len(names) == levels and not self._glob.folders_only:
                path = key.decode()
                if self._glob.whole.fits(path):
                    yield path, (before, after)

    def _touched_anywhere(self, differences: Differences) -> Iterator[Touched]:
        matches = self._glob.whole.fits
        open_folders: list[str] = []
        for key, before, after in differences:
            path = key.decode()
            names = path.split("/")
            folders = ["/".join(names[:to]) for to in range(1, len(names))]
            for at, folder in enumerate(folders):
                if (at >= len(open_folders) or open_folders[at] != folder) and matches(folder):
                    yield folder, None
            open_folders = folders
            if not self._glob.folders_only and matches(path):
                yield path, (before, after)

    def _side(self, tree: Tree, path: str, entry: Entry | None) -> DatumInput | None:
        """Returns a file; where there is none, the folder of its name."""
        if entry is not None:
            return self.item(path, held(entry[1], executable=entry[3]), entry[2])
        return self._folder(tree, path)

    def _match(self, tree: Tree, path: str) -> DatumInput | None:
        """Returns the file or folder at a path that the glob matches."""
        return self._folder(tree, path) if self._glob.folders_only else self._look(tree, path)

    def _look(self, tree: Tree, path: str) -> DatumInput | None:
        entry = tree.get(path) if path else None
        if entry is None:
            return self._folder(tree, path)
        return self.item(path, held(entry.hash, executable=entry.executable), entry.size)

    def _folder(self, tree: Tree, path: str) -> DatumInput | None:
        """Returns a folder; none where no file lies below it."""
        files, size = tree.folder_counts(path)
        return self.item(path, tree.folder_digest(path), size, is_folder=True) if files else None


def held(hash: bytes, *, executable: bool) -> bytes:
    """Returns what tells a file's contents apart; code sees too whether it may run them, as a folder's digest does."""
    return hash + b"x" if executable else hash


def _is_known(before: DatumInput | None, after: DatumInput | None) -> bool:
    """Tells whether there is nothing to say: neither is there, or both hold the same, or are references."""
    if before is None or after is None:
        return before is after
    return before.hash == after.hash or before.reference


def _is_file(item: DatumInput | None) -> bool:
    return item is not None and not item.is_folder


def _begin(parts: Sequence[Part]) -> str:
    """Returns what every path that matches, or lies below one that does, begins with."""
    names = []
    for part in parts:
        names.append(part.begin)
        if not part.literal:
            break
    return "/".join(names)


def _refused(names: Sequence[bytes], parts: Sequence[Part]) -> int:
    """Returns how many names it takes to see that nothing here can match; 0 where something may."""
    for at, (name, part) in enumerate(zip(names, parts, strict=False)):
        text = name.decode()
        if part.literal and text != part.begin:
            return at + 1
        if part.pattern is not None and not part.pattern.fits(text):
            return at + 1
    return 0
