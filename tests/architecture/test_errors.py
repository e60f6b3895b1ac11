"""Errors are found by their kind, on the wire and in the docs, so every class has its own."""

import ast
import importlib
import re
from collections import Counter

import pytest

from headwater.errors import Error
from tests.architecture.source import modules

KIND = re.compile(r"[a-z]+(-[a-z0-9]+)*")


@pytest.fixture(scope="module")
def errors() -> list[type[Error]]:
    for module in modules():
        if module.path.name == "errors.py":
            importlib.import_module("headwater." + module.place.removesuffix(".py").replace("/", "."))
    return sorted(_family(Error), key=lambda error: error.__qualname__)


def test_every_error_declares_its_own_kind(errors: list[type[Error]]) -> None:
    public = [error for error in errors if not error.__name__.startswith("_")]

    assert [error.__qualname__ for error in public if "kind" not in vars(error)] == []


def test_no_two_errors_share_a_kind(errors: list[type[Error]]) -> None:
    kinds = Counter(error.kind for error in errors)

    assert [kind for kind, count in kinds.items() if count > 1] == []


def test_a_kind_is_lower_case_words_joined_by_dashes(errors: list[type[Error]]) -> None:
    assert [error.kind for error in errors if not KIND.fullmatch(error.kind)] == []


def test_every_error_lives_in_an_errors_file(errors: list[type[Error]]) -> None:
    names = {error.__name__ for error in errors}

    elsewhere = [
        f"{module.at(node)} {node.name}"
        for module in modules()
        if module.path.name != "errors.py"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
        and names & {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    ]

    assert elsewhere == []


def _family(error: type[Error]) -> set[type[Error]]:
    return {error}.union(
        *(_family(child) for child in error.__subclasses__() if child.__module__.startswith("headwater"))
    )
