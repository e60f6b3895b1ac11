"""Two pipelines: reviews with a known sentiment become a model, and a model and reviews become predictions.

    headwater pipeline create -f pipelines.py

One review more costs one prediction; another model costs all of them anew.
"""

import json

from network import Options, load, read_rows, train

import headwater as hw


@hw.pipeline(
    input=hw.files("training", glob="/"),
    # For the few short reviews that come with this example; the README says what thousands need.
    env={"SENTIMENT_EPOCHS": "30", "SENTIMENT_HELD_OUT": "0"},
)
def model(training: hw.Input, out: hw.Output) -> None:
    """Trains on all tables in the repo `training`: id, sentiment (0 or 1) and review, parted by tabs."""
    rows = [row for file in training.files() for row in read_rows(file.read_text())]
    reader, epochs = train(rows, Options.from_environment())
    reader.save(out.folder)
    out.write("training.json", json.dumps({"reviews": len(rows), "epochs": epochs}, indent=1) + "\n")


@hw.pipeline(
    input=hw.cross(reviews=hw.files("reviews", glob="/*"), model=hw.files("model", glob="/")),
    batch=64,
)
def inference(datums: list[hw.Datum]) -> None:
    """Writes both probabilities of each review to a file of its own; reviews that came together are read together."""
    reader = datums[0].model.once(lambda model: load(model.folder))
    told = reader.probabilities([datum.reviews.file.read_text() for datum in datums])
    for datum, (bad, good) in zip(datums, told, strict=True):
        name = datum.reviews.file.name.removesuffix(".txt")
        datum.out.write(
            f"{name}.json", json.dumps({"negative": round(bad, 4), "positive": round(good, 4)}) + "\n"
        )
