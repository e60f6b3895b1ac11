"""Puts specs that come together into an order in which each comes after those whose output it reads.

Who writes a file of several pipelines says them in the order that is good to
read, which may begin with the last one.
"""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from headwater.pipelines.errors import InvalidSpec
from headwater.pipelines.spec import PipelineSpec


def in_order(specs: Sequence[PipelineSpec]) -> list[int]:
    """Returns the places of specs in an order in which each comes after those of them that it reads.

    Raises:
        InvalidSpec: They read one another in a circle.
    """
    writers = {(one.output.repo, one.output.branch): at for at, one in reversed([*enumerate(specs)])}
    sorter: TopologicalSorter[int] = TopologicalSorter()
    for at, spec in enumerate(specs):
        sorter.add(at, *sorted(_read(spec, writers) - {at}))
    try:
        return [*sorter.static_order()]
    except CycleError as error:
        way = " → ".join(specs[at].name for at in error.args[1])
        raise InvalidSpec(
            f"The pipelines read what is made of their own outputs: {way}.",
            hint="Read something else, or write another repo: data flows one way.",
        ) from None


def _read(spec: PipelineSpec, writers: dict[tuple[str, str], int]) -> set[int]:
    found = set()
    for item in spec.inputs():
        source = item.branch if item.trigger is None else item.trigger.branch
        if item.commit is None and (item.repo, source) in writers:
            found.add(writers[item.repo, source])
    return found
