"""Settings as a catalog keeps them: dotted names and values as JSON, for workspaces without a `headwater.toml`."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from headwater.errors import InvalidInput
from headwater.settings import PLACES, Config, changed_settings


def config_from(rows: Mapping[str, str]) -> Config:
    """Returns the settings that a catalog keeps: dotted names, and values as JSON.

    Raises:
        InvalidInput: One is unknown or ill-typed.
    """
    document: dict[str, Any] = {}
    for name, value in rows.items():
        section, dot, field = name.rpartition(".")
        target = document.setdefault(section, {}) if dot else document
        target[field] = json.loads(value)
    try:
        return msgspec.convert(document, Config)
    except msgspec.ValidationError as error:
        raise InvalidInput(
            f"The settings in the catalog cannot be used: {error}.", hint="Mend the named setting."
        ) from None


def config_rows(config: Config) -> dict[str, str]:
    """Returns settings as a catalog keeps them; those that are as by default are left out."""
    rows = {name: json.dumps(getattr(config, name)) for name in PLACES if name != "catalog"}
    for section, fields in changed_settings(config).items():
        rows |= {f"{section}.{name}": json.dumps(value) for name, value in fields.items()}
    return rows


def setting_values(config: Config) -> list[tuple[str, Any, Any]]:
    """Returns the name, the value and the default of every setting that may be changed."""
    given, default = msgspec.to_builtins(config), msgspec.to_builtins(Config())
    return [
        (f"{section}.{name}", value, default[section][name])
        for section, fields in given.items()
        if section not in PLACES
        for name, value in fields.items()
    ]


def given_value(text: str) -> str:
    """Returns a value that was typed as a catalog keeps it: a number or truth value as such, else a text."""
    try:
        return json.dumps(json.loads(text))
    except ValueError:
        return json.dumps(text)
