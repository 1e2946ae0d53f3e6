"""The map of folders holds, and says of every folder which world it belongs to."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[2]
MAP = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
LAYERS: list[list[str]] = [re.findall(r"[a-z]+", layer) for layer in MAP[0]["layers"]]
EDGE = {"site", "api", "panel", "public", "accounts", "senders", "schema"}


def test_every_import_follows_the_map() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == EXIT_STATUS_SUCCESS


def test_the_map_takes_no_exception() -> None:
    assert [contract.get("ignore_imports", []) for contract in MAP] == [
        [],
        ["tamshy.sqlkit.** -> psycopg", "tamshy.sqlkit.** -> psycopg_pool"],
        [],
    ]
    assert MAP[0]["exhaustive"] is True


def test_every_folder_of_the_engine_is_kept_from_django() -> None:
    engine = {name for layer in LAYERS for name in layer} - EDGE
    built = {name for name in engine if (ROOT / "src/tamshy" / name / "__init__.py").exists()}
    assert {module.removeprefix("tamshy.") for module in MAP[2]["source_modules"]} == built
    assert MAP[2]["forbidden_modules"] == ["django"]
