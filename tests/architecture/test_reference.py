"""The reference pages name everything there is, and nothing else."""

import re
from pathlib import Path

import msgspec

from headwater.cli.main import build_app
from headwater.settings import Config, Environment

ROOT = Path(__file__).parents[2]


def commands() -> set[str]:
    found = set()
    app = build_app()
    for name in app:
        if name.startswith("-"):
            continue
        inner = [word for word in app[name] if not word.startswith("-")]
        found |= {f"{name} {word}" for word in inner} or {name}
    return found


def settings(struct: type[msgspec.Struct], prefix: str = "") -> set[str]:
    found = set()
    for field in msgspec.structs.fields(struct):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            found |= settings(field.type, f"{prefix}{field.encode_name}.")
        else:
            found.add(prefix + field.encode_name)
    return found


def test_the_page_of_the_command_line_names_every_command_and_no_other() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text()
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    known = commands()
    shown = {
        next((name for name in known if f"{words} ".startswith(f"{name} ")), words)
        for cell in cells
        for words in re.findall(r"`([^`]+)`", cell)
    }

    assert shown == known


def test_the_page_of_settings_names_every_setting_and_variable_with_its_default() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    shown = set(re.findall(r"^\| `([a-z_.]+)`", page, re.MULTILINE))
    variables = set(re.findall(r"^\| `HEADWATER_([A-Z_]+)`", page, re.MULTILINE))

    assert shown == settings(Config)
    assert variables == {name.upper() for name in Environment.__struct_fields__}
    defaults = dict(re.findall(r"^\| `(\w+\.\w+)` \| ([0-9.]+) \|", page, re.MULTILINE))
    for name, told in defaults.items():
        section, setting = name.split(".")
        assert float(told) == getattr(getattr(Config(), section), setting), name
