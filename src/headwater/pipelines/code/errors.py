"""What can be wrong with code that is to be stored."""

from headwater.errors import InvalidInput


class CodeUncaptured(InvalidInput):
    """A function's code cannot be stored as it is."""

    kind = "code-uncaptured"

    def __init__(self, function: str, *, problem: str, hint: str) -> None:
        """Names the function and what of it cannot be stored."""
        super().__init__(f"The code of {function!r} cannot be stored: {problem}.", hint=hint)
        self.function = function


class CodeTooLarge(InvalidInput):
    """What is to be stored as a pipeline's code is more than code."""

    kind = "code-too-large"

    def __init__(self, origin: str, *, largest: str, most_bytes: int, most_files: int) -> None:
        """Names where the files come from, the largest of them, and the limits."""
        super().__init__(
            f"The code of {origin!r} has more than {most_bytes >> 20} MiB or {most_files} files; the largest is {largest!r}.",
            hint="Name what is not code in .headwaterignore, and put data into a repo that the pipeline has as an input.",
        )


class PackageMissing(InvalidInput):
    """A package that a pipeline declares is not installed."""

    kind = "package-missing"

    def __init__(self, name: str) -> None:
        """Names the package."""
        super().__init__(
            f"The package {name!r} is not installed here.",
            hint=f"Run: pip install {name}, or mend `packages`.",
        )
