"""Whatever stands in a document, it is a spec or an error that says what is wrong."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import Error
from headwater.pipelines.errors import InvalidSpec
from headwater.pipelines.spec import dump, load, own, own_inputs, pachyderm, pachyderm_inputs, read_document

NAMES = sorted(
    {
        *own.FIELDS,
        *own.TRANSFORM,
        *own.DATUM_SET,
        *own.RESOURCES,
        *own.EGRESS,
        *own_inputs.KINDS,
        *own_inputs.FILES,
        *own_inputs.CRON,
        *own_inputs.TRIGGER,
        *pachyderm.FIELDS,
        *pachyderm.TRANSFORM,
        *pachyderm_inputs.KINDS,
        *pachyderm_inputs.PFS,
        "URL",
        "number",
        "name",
    }
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        ["a", "@daily", "30s", "2G", "a:b", "/*", "main", "env:A", "\0", "", "@", "@every", "$1"]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(st.sampled_from(sorted({*own.FIELDS, *pachyderm.FIELDS})), VALUES, max_size=6)
SOUND = {"name": "a", "input": {"files": "b"}, "transform": {"command": ["c"]}}
FOREIGN = {"pipeline": {"name": "a"}, "input": {"pfs": {"repo": "b"}}, "transform": {"cmd": ["c"]}}


@given(around=st.sampled_from([{}, SOUND, FOREIGN]), document=DOCUMENTS | VALUES)
def test_a_document_is_a_spec_or_an_error_with_details(around: dict[str, Any], document: Any) -> None:
    told = _mistakes({**document, **around} if isinstance(document, dict) else document)

    assert all(one["field"] and one["message"] for one in told)


@given(text=st.text(max_size=60) | st.text("{}[]:,-\"' \nab|&*!", max_size=40) | st.binary(max_size=30))
def test_a_text_is_a_spec_or_an_error(text: str | bytes) -> None:
    with pytest.raises(Error):
        load(text if isinstance(text, bytes) else text.encode())


def _mistakes(document: Any) -> list[dict[str, Any]]:
    """Returns what is said of a document; one that is sound reads the same when it is shown."""
    try:
        spec = read_document(document)
    except InvalidSpec as error:
        return error.details or [{"field": "", "message": ""}]
    return [] if read_document(dump(spec)) == spec else [{"field": "", "message": ""}]
