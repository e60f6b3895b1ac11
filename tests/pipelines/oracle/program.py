"""Random programs: pipelines over two sources, edits of all kinds, and what must hold after each of them."""

import random

from tests.pipelines.oracle.expected import outputs
from tests.pipelines.oracle.world import SOURCES, World, random_edit, random_files, random_input


def begin(one: World, chance: random.Random) -> list[str]:
    """Fills the sources and makes pipelines over them and over one another; returns their names."""
    one.put({repo: random_files(chance, 6) for repo in SOURCES})
    names = [f"p{number}" for number in range(chance.randrange(2, 5))]
    for number, name in enumerate(names):
        document = {"name": name, "input": random_input(chance, [*SOURCES, *names[:number]])}
        one.define(name, document, 1)
    return names


def step(one: World, chance: random.Random, names: list[str]) -> None:
    """Changes something and runs all that follows from it."""
    kind = chance.choice(("edit", "edit", "edit", "two edits", "both", "revert", "update", "rerun", "input"))
    repo = chance.choice(SOURCES)
    if kind in ("edit", "two edits"):
        for _ in range(1 if kind == "edit" else 2):
            one.put({repo: random_edit(chance, one.files(repo), poison=0.15)})
    elif kind == "both":
        one.put({other: random_edit(chance, one.files(other), poison=0.1) for other in SOURCES})
    elif kind == "revert":
        log = one.workspace.repo(repo).log("main", limit=4).items
        one.workspace.repo(repo).move_branch("main", chance.choice(log).id)
    elif kind == "update":
        name = chance.choice(names)
        one.define(name, one.pipelines[name], one.editions[name] + 1)
    elif kind == "rerun":
        one.workspace.pipelines.rerun(chance.choice(names), reprocess=chance.random() < 0.5)
    else:
        number = chance.randrange(len(names))
        document = {"name": names[number], "input": random_input(chance, [*SOURCES, *names[:number]])}
        one.define(names[number], document, one.editions[names[number]])
    one.work()


def heal(one: World) -> None:
    """Takes away what makes datums fail, and lets everything come up to date."""
    for repo in SOURCES:
        poisoned = [path for path, text in one.files(repo).items() if "POISON" in text]
        one.put({repo: {**dict.fromkeys(poisoned, "healed"), "a-9.txt": "last"}})
    one.work()


def check(one: World, names: list[str]) -> None:
    """Makes sure that each head is what its provenance says, told the slow way, and sees one commit of each source."""
    for name in names:
        head = one.head(name)
        if head is None:
            continue
        read = one.made_of(head)
        job = one.workspace.jobs.newest(name)
        if job.version == one.workspace.pipelines.get(name).version and job.commit == head.id:
            spec = one.spec(name)
            assert spec.input is not None
            texts = {commit.repo: one.texts(commit) for commit in read}
            sources = [texts[leaf.repo] for leaf in spec.inputs()]
            assert one.files(name) == outputs(spec.input, sources, one.editions[name]), name
        together: dict[str, set[str]] = {}
        for commit in read:
            for source, found in one.sources_of(commit).items():
                together.setdefault(source, set()).update(found)
        assert all(len(found) == 1 for found in together.values()), f"{name} reads {together}"


def copy(one: World, other: World) -> None:
    """Makes in an empty world what another has come to, from scratch."""
    other.put({repo: one.files(repo) for repo in SOURCES})
    for name, document in one.pipelines.items():
        other.define(name, document, one.editions[name])
    other.work()


def compare(one: World, scratch: World, names: list[str]) -> None:
    """Makes sure that both came to the same roots, or that the same pipelines fail, such as where two datums write one path."""
    for name in names:
        states = [world.workspace.jobs.newest(name).state for world in (one, scratch)]
        fails = [state in ("failed", "blocked") for state in states]
        assert fails[0] == fails[1], (name, states)
        if not fails[0]:
            assert one.root(name) == scratch.root(name) is not None, name
