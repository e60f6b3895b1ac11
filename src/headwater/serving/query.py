"""Reads the query of a prediction request: which targets, and whether good rows alone will do."""

from collections.abc import Sequence
from urllib.parse import parse_qsl

import msgspec

from headwater.serving.answers import Problem, Refusal

_TRUE, _FALSE = frozenset({"true", "1", "yes", ""}), frozenset({"false", "0", "no"})
_MAX_PARAMETERS = 200


class Options(msgspec.Struct, frozen=True):
    """What the query asks for; no `targets` means all of them."""

    targets: tuple[str, ...] | None = None
    is_partial: bool = False


_DEFAULT = Options()


def read_query(query: str, targets: Sequence[str]) -> Options:
    """Returns what the query asks for.

    Targets are given as `?target=a,b` or `?target=a&target=b` and come back in
    the model's order, each once. Unknown parameters are left alone.

    Args:
        query: The part of the URL after `?`, still percent-encoded.
        targets: The targets that the model has.

    Raises:
        Refusal: A target is not one of the model's, or a value cannot be read.
    """
    if not query:
        return _DEFAULT
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=_MAX_PARAMETERS
        )
    except ValueError:
        raise Refusal("MALFORMED", "The query of the URL cannot be read.") from None
    wanted = [value for name, value in pairs if name == "target"]
    partial = [value for name, value in pairs if name == "partial"]
    return Options(
        targets=_targets(wanted, targets) if wanted else None,
        is_partial=_flag("partial", partial[-1]) if partial else False,
    )


def _targets(values: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    wanted: list[str] = []
    for value in values:
        # A column's name may hold a comma itself.
        wanted += [value] if value in known else [part.strip() for part in value.split(",") if part.strip()]
    if not wanted:
        raise Refusal("MALFORMED", f"`target` is empty; the model has {', '.join(known)}.")
    unknown = [name for name in dict.fromkeys(wanted) if name not in known]
    if unknown:
        problems = [
            Problem(
                None, name, "FIELD_UNKNOWN", f"The model has no target {name!r}; it has {', '.join(known)}."
            )
            for name in unknown
        ]
        raise Refusal.of(problems, limit=len(problems), is_list=False)
    return tuple(name for name in known if name in wanted)


def _flag(name: str, value: str) -> bool:
    lowered = value.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise Refusal("MALFORMED", f"`{name}` is true or false, not {value!r}.")
