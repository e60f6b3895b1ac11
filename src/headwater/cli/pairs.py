"""Reads options that are given as `NAME=VALUE`, any number of times."""

from collections.abc import Sequence

from headwater.errors import InvalidInput


def pairs_of(words: Sequence[str] | None, what: str, *, form: str) -> dict[str, str]:
    """Reads words of the given form, such as `--meta KEY=VALUE`.

    Raises:
        InvalidInput: A word has another form, or a name stands twice; all of them are named.
    """
    pairs = [word.partition("=") for word in words or ()]
    wrong = [f"{name}{sign}{value}" for name, sign, value in pairs if not (name and sign)]
    names = [name for name, _, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if wrong or twice:
        expected = form.rpartition(" ")[2]
        problems = [f"{word!r} is not {expected}" for word in wrong] + [
            f"{name!r} stands twice" for name in twice
        ]
        raise InvalidInput(f"The {what} cannot be read: {', '.join(problems)}.", hint=f"Write {form}.")
    return {name: value for name, _, value in pairs}
