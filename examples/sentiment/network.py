"""A network that reads a review and says how likely it is that its author liked the film.

Words are looked up in a vocabulary, an LSTM reads the last of them in order,
its states are summed over time and a dense layer gives two probabilities.
Weights are kept as safetensors and the words as text, so that reading a model
back runs nothing.

The layout and its settings are those of the sentiment example that Intel's
neon came with: they were chosen for 25,000 reviews. `Options` has what fewer
reviews need beside them.
"""

import csv
import io
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

PAD, START, UNKNOWN, FIRST_WORD = 0, 1, 2, 3
WEIGHTS, VOCABULARY, OPTIONS = "weights.safetensors", "vocabulary.txt", "options.json"
_WORD = re.compile(r"[a-z']+|[!?]")
_MARKUP = re.compile(r"<[^>]+>")

Row = tuple[str, int]  # a review, and 1 where its author liked the film, else 0


@dataclass(frozen=True)
class Options:
    """How the network is built and trained; the first eight are the original's.

    Args:
        vocabulary: How many words it knows, the most frequent first.
        words: How many words of a review it reads, counted from the end.
        embedding: Numbers that stand for a word.
        hidden: Numbers that the LSTM remembers.
        dropout: Share of the summed states that training leaves out.
        rate: Of Adagrad.
        batch: Reviews per step.
        epochs: How often all reviews are seen, at most.
        word_dropout: Share of the words that training hides, so that few reviews are not learned by heart.
        patience: After how many epochs without a better result on the held-out reviews to stop; 0 never.
        held_out: Share of the reviews that are not trained on, to judge by.
        seed: What chance starts from.
    """

    vocabulary: int = 20_000
    words: int = 128
    embedding: int = 128
    hidden: int = 128
    dropout: float = 0.5
    rate: float = 0.01
    batch: int = 32
    epochs: int = 2
    word_dropout: float = 0.0
    patience: int = 0
    held_out: float = 0.2
    seed: int = 0

    @classmethod
    def from_environment(cls) -> Self:
        """Returns the options that variables such as SENTIMENT_EPOCHS give; the others are the defaults."""
        named = {field: os.environ.get(f"SENTIMENT_{field.name.upper()}") for field in fields(cls)}
        return cls(**{field.name: type(field.default)(text) for field, text in named.items() if text})


class Sentiment(nn.Module):
    """Embedding → LSTM → sum over time → dropout → dense layer with two outputs."""

    def __init__(self, known: int, options: Options) -> None:
        """Draws the first weights.

        Args:
            known: How many words there are, those that are no words included.
            options: Sizes and shares.
        """
        super().__init__()
        self.embedding = nn.Embedding(known, options.embedding, padding_idx=PAD)
        self.lstm = nn.LSTM(options.embedding, options.hidden, batch_first=True)
        self.dropout = nn.Dropout(options.dropout)
        self.dense = nn.Linear(options.hidden, 2)
        bound = 0.1 / options.embedding
        nn.init.uniform_(self.embedding.weight, -bound, bound)
        for name, weight in self.lstm.named_parameters():
            nn.init.zeros_(weight) if name.startswith("bias") else nn.init.xavier_uniform_(weight)
        nn.init.xavier_uniform_(self.dense.weight)

    def forward(self, words: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Returns two scores for each review, shape (reviews, 2).

        Args:
            words: Numbers of words, padded behind, shape (reviews, words).
            lengths: How many of them are words, shape (reviews,).
        """
        packed = pack_padded_sequence(self.embedding(words), lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        scores: torch.Tensor = self.dense(self.dropout(states.sum(dim=1)))
        return scores


class Reader:
    """A trained network with its vocabulary: reviews in, probabilities out."""

    def __init__(self, words: Sequence[str], options: Options, network: Sentiment | None = None) -> None:
        """Takes the words in the order of their numbers."""
        self.words, self.options = list(words), options
        self._numbers = {word: FIRST_WORD + place for place, word in enumerate(words)}
        self.network = network or Sentiment(FIRST_WORD + len(self.words), options)

    def numbers(self, review: str) -> list[int]:
        """Returns the numbers of the last words of a review, with a sign for its start before them."""
        found = [self._numbers.get(word, UNKNOWN) for word in split(review)]
        return [START, *found][-self.options.words :]

    def probabilities(self, reviews: Sequence[str]) -> list[tuple[float, float]]:
        """Returns, for each review, how likely it is a bad one and how likely a good one."""
        self.network.eval()
        with torch.inference_mode():
            scores = self.network(*_padded([self.numbers(review) for review in reviews]))
            return [(float(bad), float(good)) for bad, good in torch.softmax(scores, dim=1)]

    def accuracy(self, rows: Sequence[Row]) -> float:
        """Returns the share of the reviews that are told right."""
        right = 0
        for at in range(0, len(rows), 256):
            batch = rows[at : at + 256]
            told = self.probabilities([review for review, _ in batch])
            right += sum(
                (good > bad) == bool(liked) for (bad, good), (_, liked) in zip(told, batch, strict=True)
            )
        return right / len(rows)

    def save(self, folder: Path) -> None:
        """Writes weights, words and options into a folder."""
        save_file(self.network.state_dict(), folder / WEIGHTS)
        (folder / VOCABULARY).write_text("\n".join(self.words) + "\n", encoding="utf-8")
        (folder / OPTIONS).write_text(json.dumps(asdict(self.options), indent=1) + "\n", encoding="utf-8")


def load(folder: Path) -> Reader:
    """Returns the network that `Reader.save` wrote into a folder."""
    options = Options(**json.loads((folder / OPTIONS).read_text(encoding="utf-8")))
    reader = Reader((folder / VOCABULARY).read_text(encoding="utf-8").split("\n")[:-1], options)
    reader.network.load_state_dict(load_file(folder / WEIGHTS))
    return reader


def read_rows(table: str) -> list[Row]:
    """Returns the reviews of a table, parted by tabs or commas, with the columns sentiment (0 or 1) and review."""
    lines = csv.DictReader(io.StringIO(table), delimiter="\t" if "\t" in table.partition("\n")[0] else ",")
    return [(line["review"], int(line["sentiment"])) for line in lines]


def train(rows: Sequence[Row], options: Options) -> tuple[Reader, list[dict[str, float]]]:
    """Trains a network; returns it as it was after its best epoch, and what each epoch reached.

    Args:
        rows: Reviews and what their authors thought; at least two.
        options: How.
    """
    torch.manual_seed(options.seed)
    torch.use_deterministic_algorithms(mode=True)
    order = torch.randperm(len(rows)).tolist()
    aside = min(len(rows) - 1, math.ceil(options.held_out * len(rows)))
    judged, learned = [rows[at] for at in order[:aside]], [rows[at] for at in order[aside:]]
    reader = Reader(frequent(learned, options.vocabulary), options)
    rule = torch.optim.Adagrad(reader.network.parameters(), lr=options.rate)
    best, kept, history = -1.0, reader.network.state_dict(), list[dict[str, float]]()
    for epoch in range(options.epochs):
        loss = _epoch(reader, learned, rule)
        judgement = reader.accuracy(judged) if judged else 0.0
        history.append({"epoch": epoch + 1, "loss": loss, "held_out_accuracy": judgement})
        print(f"epoch {epoch + 1}: loss {loss:.3f}, held-out accuracy {judgement:.3f}", flush=True)
        if judgement > best or not options.patience:
            best, since = judgement, 0
            kept = {name: weight.clone() for name, weight in reader.network.state_dict().items()}
        else:
            since += 1
        if options.patience and since >= options.patience:
            break
    reader.network.load_state_dict(kept)
    return reader, history


def split(review: str) -> list[str]:
    """Returns the words of a review, in small letters and without markup."""
    return _WORD.findall(_MARKUP.sub(" ", review).lower())


def frequent(rows: Iterable[Row], most: int) -> list[str]:
    """Returns the most frequent words, those equally frequent by the alphabet."""
    counts = Counter(word for review, _ in rows for word in split(review))
    return sorted(counts, key=lambda word: (-counts[word], word))[:most]


def _epoch(reader: Reader, rows: Sequence[Row], rule: torch.optim.Optimizer) -> float:
    """Shows the network all reviews once, in a random order; returns the mean loss in nats."""
    options, network, total = reader.options, reader.network, 0.0
    network.train()
    order = torch.randperm(len(rows)).tolist()
    for at in range(0, len(order), options.batch):
        batch = [rows[place] for place in order[at : at + options.batch]]
        words, lengths = _padded([reader.numbers(review) for review, _ in batch])
        if options.word_dropout:
            hidden = (torch.rand(words.shape) < options.word_dropout) & (words >= FIRST_WORD)
            words = words.masked_fill(hidden, UNKNOWN)
        loss = nn.functional.cross_entropy(
            network(words, lengths), torch.tensor([liked for _, liked in batch])
        )
        rule.zero_grad()
        loss.backward()
        rule.step()
        total += float(loss.detach()) * len(batch)
    return total / len(rows)


def _padded(numbers: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, numbers))
    padded = torch.tensor([[*one, *[PAD] * (longest - len(one))] for one in numbers])
    return padded, torch.tensor([len(one) for one in numbers])
