"""What pipelines need of the environment that a worker is started from: secrets by name, and services by scheme.

A worker that is started by itself gets no more than this of the environment
of whoever started it.
"""

from typing import NamedTuple

from sqlalchemy import Connection

from headwater.pipelines.pipeline_store import shown
from headwater.pipelines.spec import PipelineSpec, read_spec

_SERVICES = ("s3", "gs", "az")


class Credentials(NamedTuple):
    """Names of variables, and services whose own variables are needed."""

    names: frozenset[str]
    services: frozenset[str]


def needed(conn: Connection) -> Credentials:
    """Returns what the pipelines of a workspace name: secrets of their code, and where their egress goes."""
    specs = [read_spec(one.spec) for one in shown(conn)]
    names = {
        reference.removeprefix("env:")
        for spec in specs
        for reference in _references(spec)
        if reference.startswith("env:")
    }
    places = {spec.egress.url.partition("://")[0] for spec in specs if spec.egress is not None}
    return Credentials(frozenset(names), frozenset(places) & frozenset(_SERVICES))


def _references(spec: PipelineSpec) -> list[str]:
    secrets = [] if spec.transform is None else [*spec.transform.secrets.values()]
    return secrets if spec.egress is None else [*secrets, spec.egress.url]
