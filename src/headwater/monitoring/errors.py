"""What can go wrong with the log of predictions."""

from headwater.errors import InvalidInput, NotFound, Unavailable


class PredictionNotFound(NotFound):
    """No prediction with this id was answered here."""

    kind = "prediction-not-found"

    def __init__(self, prediction: str) -> None:
        """Names the id."""
        super().__init__(
            f"There is no prediction {prediction!r} in this workspace.",
            hint="Take the `id` of an answer with `success: true`; refused requests are not logged.",
        )
        self.prediction = prediction


class InvalidEndpointName(InvalidInput):
    """An endpoint has a name that cannot be a repo's."""

    kind = "invalid-endpoint-name"

    def __init__(self, name: str) -> None:
        """Names the name."""
        super().__init__(
            f"{name!r} is no name of an endpoint.",
            hint="Use lower-case letters, digits and `-`, such as `iris`.",
        )


class LogClosed(Unavailable):
    """A prediction came after the log was closed."""

    kind = "log-closed"

    def __init__(self) -> None:
        """Says so."""
        super().__init__("The prediction log is closed.", hint="Start the server again.")
