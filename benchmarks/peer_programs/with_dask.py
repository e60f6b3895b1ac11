"""Dask's distributed scheduler: one task for each file, or one for each hundred."""

import sys

from dask.distributed import Client, LocalCluster
from work import count_words, folders, timed


def many(pairs: list[tuple[str, str]]) -> None:
    """Does several files."""
    for pair in pairs:
        count_words(*pair)


if __name__ == "__main__":
    pairs, processes = folders()
    batch = int(sys.argv[4])
    cuts = [pairs[at : at + batch] for at in range(0, len(pairs), batch)]
    with (
        LocalCluster(
            n_workers=processes, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        Client(cluster) as client,
    ):
        client.gather(client.map(many, [[] for _ in range(processes)], pure=False))
        timed(lambda: client.gather(client.map(many, cuts, pure=False)))
