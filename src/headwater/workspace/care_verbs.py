"""What a workspace does for what it stores: pack and sweep it, check it, repair it."""

from collections.abc import Iterator
from pathlib import Path

from headwater.api.documents import FindingInfo, SweepInfo
from headwater.settings import objects_url
from headwater.storage import Finding, open_store
from headwater.telemetry import Progress, Silent
from headwater.workspace.parts import Parts

_SILENT = Silent()


class CareVerbs:
    """Care of the storage; each verb is one call into the floor that does it."""

    _parts: Parts

    def gc(self, *, progress: Progress = _SILENT) -> SweepInfo:
        """Gives up commits that no rule keeps, and frees what nothing leads to; others may read and write meanwhile.

        Raises:
            StoredBytesCorrupt, SegmentMissing: A tree cannot be read; `check` says which commits that touches.
        """
        parts = self._parts
        parts.repos.apply_retention()
        swept = parts.storage.sweep(parts.root_sources, progress=progress)
        return SweepInfo(
            segments=swept.segments,
            size=swept.size,
            objects=swept.objects,
            reservations=swept.reservations,
            orphans=swept.orphans,
            erased=swept.erased,
            kept=swept.kept,
            packed=swept.packed.segments,
        )

    def check(
        self,
        *,
        repair: bool = False,
        replica: str | None = None,
        deep: bool = True,
        progress: Progress = _SILENT,
    ) -> Iterator[FindingInfo]:
        """Yields what is wrong with what is stored; nothing when all is well.

        Args:
            repair: Put right what can be, and quarantine the rest.
            replica: Another store with the same objects, by its URL or folder, to repair from.
            deep: Read every byte; else only look whether everything is there.
            progress: Hears how far it is.
        """
        parts = self._parts
        if repair or replica is not None:
            other = None if replica is None else open_store(objects_url(Path.cwd(), replica))
            found = parts.storage.repair(parts.root_sources, replica=other, progress=progress)
        else:
            found = parts.storage.check(parts.root_sources, deep=deep, progress=progress)
        return map(_info, found)


def _info(one: Finding) -> FindingInfo:
    return FindingInfo(
        kind=one.kind,
        what=one.what,
        where=one.where,
        segment=one.segment,
        object=one.object,
        offset=one.offset,
        commits=list(one.commits),
        paths=list(one.paths),
        advice=one.advice,
        repaired=one.repaired,
        damage=one.is_damage,
    )
