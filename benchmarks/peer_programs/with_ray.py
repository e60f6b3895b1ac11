"""Ray: one task for each file, or, as its documentation recommends for tiny tasks, one for each hundred."""

import sys

import ray
from work import count_words, folders, timed


@ray.remote
def one(pair: tuple[str, str]) -> None:
    """Does one file."""
    count_words(*pair)


@ray.remote
def many(pairs: list[tuple[str, str]]) -> None:
    """Does several files."""
    for pair in pairs:
        count_words(*pair)


if __name__ == "__main__":
    pairs, processes = folders()
    ray.init(num_cpus=processes, include_dashboard=False, _node_ip_address="127.0.0.1", logging_level="error")
    ray.get([many.remote([]) for _ in range(processes)])
    batch = int(sys.argv[4])
    cuts = [pairs[at : at + batch] for at in range(0, len(pairs), batch)]
    calls = (
        (lambda: [one.remote(pair) for pair in pairs])
        if batch == 1
        else (lambda: [many.remote(c) for c in cuts])
    )
    timed(lambda: ray.get(calls()))
