import json
import subprocess
import sys

import pytest

import headwater.monitoring
import headwater.serving

HEAVY = ("numpy", "uvicorn", "xgboost", "joserfc", "sqlalchemy")


@pytest.mark.parametrize("module", [headwater.serving, headwater.monitoring])
def test_every_public_name_is_there(module: object) -> None:
    names = module.__all__  # type: ignore[attr-defined]

    assert [name for name in names if getattr(module, name, None) is None] == []
    with pytest.raises(AttributeError, match="manager"):
        module.manager  # type: ignore[attr-defined] # noqa: B018


@pytest.mark.parametrize("name", ["headwater.serving", "headwater.monitoring"])
def test_importing_a_floor_brings_nothing_heavy(name: str) -> None:
    script = f"import sys, json, {name}; print(json.dumps(sorted(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)

    assert set(json.loads(done.stdout)).isdisjoint(HEAVY)
