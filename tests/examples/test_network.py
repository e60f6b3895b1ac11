"""The network of the sentiment example: what it learns, and that a model read back is the model that was written."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "sentiment"


@pytest.fixture(scope="module")
def network() -> Iterator[ModuleType]:
    sys.path.insert(0, str(EXAMPLE))
    try:
        yield import_module("network")
    finally:
        sys.path.remove(str(EXAMPLE))


@pytest.fixture(scope="module")
def rows(network: ModuleType) -> list[tuple[str, int]]:
    table = (EXAMPLE / "data" / "training.tsv").read_text("utf-8")
    found: list[tuple[str, int]] = network.read_rows(table)
    return found


def test_the_example_learns_its_reviews_and_tells_others_right(
    network: ModuleType, rows: list[tuple[str, int]]
) -> None:
    reader, epochs = network.train(rows, network.Options(epochs=30, held_out=0.0))

    others = [
        (file.read_text("utf-8"), int(file.stem) % 2) for file in (EXAMPLE / "data" / "reviews").iterdir()
    ]
    assert epochs[-1]["loss"] < 0.1
    assert reader.accuracy(rows) == 1
    assert reader.accuracy(others) == 1


def test_a_model_that_was_saved_tells_what_it_told_before(
    network: ModuleType, rows: list[tuple[str, int]], tmp_path: Path
) -> None:
    reader, _ = network.train(rows, network.Options(epochs=2))
    reader.save(tmp_path)

    again = network.load(tmp_path)

    texts = [review for review, _ in rows]
    assert again.probabilities(texts) == reader.probabilities(texts)


def test_the_same_reviews_and_options_give_the_same_bytes(
    network: ModuleType, rows: list[tuple[str, int]], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        network.train(rows, network.Options(epochs=2, word_dropout=0.1))[0].save(tmp_path / name)

    files = [
        {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("one", "two")
    ]
    assert files[0] == files[1]


def test_training_stops_when_the_held_out_reviews_are_told_no_better(
    network: ModuleType, rows: list[tuple[str, int]]
) -> None:
    _, epochs = network.train(rows, network.Options(epochs=50, patience=2))

    assert len(epochs) < 50


def test_a_review_is_read_from_its_end(network: ModuleType, rows: list[tuple[str, int]]) -> None:
    reader = network.Reader(network.frequent(rows, 100), network.Options(words=3))

    assert reader.numbers("the the film is") == reader.numbers("a a a a the film is")[-3:]
    assert len(reader.numbers("<br />one")) == 2


@pytest.mark.large
@pytest.mark.timeout(900)
def test_on_real_reviews_it_is_right_four_times_out_of_five(network: ModuleType, test_data: Path) -> None:
    learned = network.read_rows((test_data / "imdb_reviews_train.csv").read_text("utf-8"))
    asked = network.read_rows((test_data / "imdb_reviews_test.csv").read_text("utf-8"))

    reader, _ = network.train(learned, network.Options(epochs=8, patience=2))

    accuracy = reader.accuracy(asked)
    assert accuracy > 0.77, accuracy
