"""Folders of targets: none shared, none outside."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.models import target_folder


@pytest.mark.parametrize(
    ("number", "target", "folder"),
    [
        (0, "SepalLength", "targets/00-SepalLength"),
        (3, "crime rate (per capita)", "targets/03-crime-rate-per-capita"),
        (4, "Größe", "targets/04-Groe"),
        (12, "価格", "targets/12-target"),
        (1, "../../etc/passwd", "targets/01-etc-passwd"),
        (100, "x" * 99, "targets/100-" + "x" * 40),
    ],
)
def test_a_target_has_a_folder_that_people_recognise(number: int, target: str, folder: str) -> None:
    assert target_folder(number, target) == folder


@given(number=st.integers(0, 999), target=st.text(min_size=1))
def test_no_name_leaves_the_folder_or_needs_an_escape(number: int, target: str) -> None:
    assert re.fullmatch(r"targets/\d{2,3}-[A-Za-z0-9_-]{1,40}", target_folder(number, target))


@given(names=st.lists(st.text(min_size=1), min_size=2, max_size=20, unique=True))
def test_no_two_targets_share_a_folder_even_without_case(names: list[str]) -> None:
    folders = [target_folder(number, name).lower() for number, name in enumerate(names)]

    assert len(set(folders)) == len(names)
