"""What a set shows of itself while it runs: whole lines, bounded, no value of a secret, and nothing when it ends soon."""

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.pipelines.runtime import logs
from headwater.pipelines.runtime.hiding import Hiding
from headwater.pipelines.runtime.live import Live
from headwater.pipelines.sets import DatumCall, LiveLog, LiveSpot, SetPayload
from headwater.storage import ObjectKey, ObjectNotFound, Reservation, open_store
from headwater.storage.stores import MemoryStore
from tests.pipelines.runtime.runner import Runner, piece
from tests.waiting import until

SECRETS = ("very-secret", "-----BEGIN\nabcdef\nxyz\n-----END", "line\nline two")


class Store(MemoryStore):
    """Remembers all that was ever put."""

    def __init__(self) -> None:
        super().__init__()
        self.puts: list[LiveLog] = []

    def put(self, key: ObjectKey, data: bytes | bytearray | memoryview) -> None:
        self.puts.append(msgspec.msgpack.decode(data, type=LiveLog))
        super().put(key, data)


class Printing:
    """A log that somebody prints into, shown at every look."""

    def __init__(self, folder: Path, *secrets: str) -> None:
        self.store = Store()
        datums = tuple(DatumCall(bytes([n]) * 32, f"datum {n}", ()) for n in range(2))
        spot = LiveSpot("live/job.set", 0.0)
        task = SetPayload("memory:", b"", (), datums, Reservation((), 0), spot)
        self.live = Live(task, self.store, Hiding(secrets))
        self.log = os.open(folder / "log", os.O_RDWR | os.O_CREAT | os.O_APPEND)

    def say(self, text: str, datum: int = 0) -> LiveLog:
        """Prints something, and returns what is shown when that has been looked at."""
        os.write(self.log, text.encode())
        count = len(self.store.puts)
        return until(lambda: self._look(count, datum))

    def _look(self, count: int, datum: int) -> LiveLog | None:
        self.live.look(self.log, [datum])
        return self.store.puts[-1] if len(self.store.puts) > count else None


@pytest.fixture
def printing(tmp_path: Path) -> Iterator[Printing]:
    made = Printing(tmp_path, *SECRETS)
    yield made
    made.live.close()
    os.close(made.log)
    assert list(made.store.list()) == []


def test_what_is_printed_is_shown_in_whole_lines_under_a_new_key_each_time(printing: Printing) -> None:
    assert printing.say("one\ntw").text == b"one\n"
    keys = until(lambda: list(printing.store.list()))
    assert printing.say("o\n 10%\r 20%\r").text == b"one\ntwo\n 10%\r"
    assert until(lambda: [key for key in printing.store.list() if key not in keys]) > keys
    assert [log.datums[0][1] for log in printing.store.puts] == ["datum 0"] * 2


def test_each_call_of_the_code_has_a_log_of_its_own(printing: Printing) -> None:
    first = printing.say("one\n")
    os.ftruncate(printing.log, 0)
    printing.live.begin()
    again = printing.say("two\n")
    os.ftruncate(printing.log, 0)
    other = printing.say("three\n", datum=1)

    assert [(one.run, one.text) for one in (first, again, other)] == [
        (1, b"one\n"),
        (2, b"two\n"),
        (3, b"three\n"),
    ]
    assert other.datums == ((b"\1" * 32, "datum 1"),)


def test_of_a_long_log_the_end_is_shown_and_how_much_was_before(printing: Printing) -> None:
    lines = "".join(f"row {number}\n" for number in range(30_000))

    begun = printing.say("begin\n")
    much = printing.say(lines)
    more = printing.say("end\n")

    assert (begun.start, len(much.text) <= logs.MOST_BYTES, len(more.text) <= logs.MOST_BYTES) == (
        0,
        True,
        True,
    )
    assert much.start + len(much.text) == len("begin\n" + lines)
    assert much.text.startswith(b"row ")
    assert more.text.endswith(b"row 29999\nend\n")


def test_a_secret_in_two_pieces_is_hidden(printing: Printing) -> None:
    assert printing.say("is very-").datums
    shown = [printing.say("secret\n"), printing.say("so\n-----BEGIN\nabc")]
    shown.append(printing.say("def\nxyz\n-----END\nend\n"))

    assert [one.text for one in shown] == [b"is ***\n", b"is ***\nso\n", b"is ***\nso\n***\nend\n"]


@given(
    st.lists(
        st.one_of(
            st.sampled_from(SECRETS),
            st.sampled_from(["\n", "a", "very-", "line\n", "abcdef", "\r", "-----BEGIN\n"]),
        ),
        max_size=12,
    ).map("".join),
    st.lists(st.integers(0, 200), max_size=6),
)
def test_a_log_that_is_hidden_piece_by_piece_reads_as_one_that_is_hidden_whole(
    text: str, cuts: list[int]
) -> None:
    hiding, log, at, shown = Hiding(SECRETS), text.encode(), 0, b""

    for cut in sorted(cuts):
        end = hiding.settled(log[at : max(at, cut)])
        shown += hiding.in_log(log[at : at + end])
        at += end

    assert shown + hiding.in_log(log[at:]) == hiding.in_log(log)


def test_the_rest_of_a_log_is_what_was_not_shown() -> None:
    log = b"".join(b"line %d\n" % number for number in range(20_000))
    kept, said = logs.shorten(log), log[:100_000].rpartition(b"\n")[0] + b"\n"
    late = log[: len(log) - 2_000].rpartition(b"\n")[0] + b"\n"
    gap = kept.index("…".encode())

    assert logs.rest(b"one\ntwo\n", b"one\n", is_whole=True) == b"two\n"
    assert logs.rest(b"one\n", b"", is_whole=True) == b"one\n"
    assert logs.rest(b"one\n", b"other\n", is_whole=True) == b"one\n"  # of another try
    assert logs.rest(kept, log[:9_000], is_whole=True) == kept[9_000:]
    assert logs.rest(kept, said, is_whole=True) == kept[gap:]
    assert logs.rest(kept, said[-60_000:], is_whole=False) == kept[gap:]
    assert logs.rest(kept, late[-60_000:], is_whole=False) == log[len(late) :]


@pytest.mark.parametrize("kind", ["function", "shell"])
def test_a_set_that_ends_soon_writes_no_object(runner: Runner, kind: str) -> None:
    code = {"function": "def f(reviews, out):\n    print('said')\n", "shell": "echo said"}[kind]

    results = getattr(runner, kind)(code, [piece("a.txt", "a")], live=LiveSpot("live/job.set", 60.0))

    assert results.log() == "said\n"
    assert not (runner.folder / "objects" / "live").exists()


def test_what_the_setup_prints_is_shown_as_of_the_first_datum(runner: Runner, tmp_path: Path) -> None:
    gate, seen = tmp_path / "gate", list[LiveLog]()
    code = """
        import os
        def load():
            print("loading")
            open(os.environ["GATE"]).read()
        def f(reviews, out, state):
            print("one")
            open(os.environ["GATE"]).read()
    """
    os.mkfifo(gate)

    def open_gates() -> None:
        for text in (b"loading\n", b"loading\none\n"):
            seen.append(_awaited(runner, text))
            gate.write_text("go")

    opener = threading.Thread(target=open_gates)
    opener.start()
    results = runner.function(
        code,
        [piece("a.txt", "a")],
        setup="score:load",
        env={"GATE": str(gate)},
        live=LiveSpot("live/job.set", 0.0),
    )
    opener.join()

    assert results.log() == "loading\none\n"
    assert [(one.run, one.datums[0][1]) for one in seen] == [(1, "0"), (1, "0")]
    assert _shown(runner) == []


def _awaited(runner: Runner, text: bytes) -> LiveLog:
    return until(lambda: next((one for one in _shown(runner) if one.text == text), None))


def _shown(runner: Runner) -> list[LiveLog]:
    store, found = open_store(runner.store), []
    for key in store.list("live/"):
        with suppress(ObjectNotFound):  # the next one has just taken its place
            found.append(msgspec.msgpack.decode(store.get(key), type=LiveLog))
    return found
