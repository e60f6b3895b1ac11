"""The inputs of a pipeline as datums: which there are, and which of them changed.

    planner = InputPlanner(spec.input, views, base, writer, make=make)
    for change in planner.changes(): …
    index = planner.index()

An input is files, or others combined by cross, union, join and group. Each
node of it says for itself what differs between two states, by looking only
where the states differ; joins and groups keep an index for that.
"""

from headwater.pipelines.inputs.planner import InputPlanner

__all__ = ["InputPlanner"]
