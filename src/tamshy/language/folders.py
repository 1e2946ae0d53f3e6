"""Workspace folders on a disk: which files belong to one, read and written byte for byte."""

from __future__ import annotations

import difflib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tamshy.language.settings import FILE as SETTINGS_FILE
from tamshy.language.supplied import as_written, completed
from tamshy.language.workspace import ALL_FOLDERS, CATALOGUE, MESSAGES, THING_FOLDERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LARGEST = 20_000_000
_TEXTS = {".yaml", ".yml", ".mjml", ".html", ".md", ".txt", ".csv", ".jsonl"}
_NEAR = 0.8


class UnreadableFolder(Exception):
    """The folder cannot be read or written; the text says which, why, and what to do."""


def read_folder(path: Path) -> dict[str, str]:
    """The texts of the workspace folder at ``path``, by path relative to it with ``/`` between, with what it leaves to us.

    Taken are ``tamshy.yaml`` and what stands in the folders the language names, also what looks like a slip of those
    names, so that it is refused rather than passed over in silence. All else, and what begins with a dot, is left
    alone. Line ends are kept, a byte order mark is not; bytes that are not UTF-8 become lone surrogates, which
    ``read_workspace`` refuses with their place.

    Raises:
        UnreadableFolder: there is no such folder, or a file of it cannot be read.
    """
    return completed(_read(path))


def _read(path: Path) -> dict[str, str]:
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "does not exist"
        raise UnreadableFolder(f"{path} {what}; give the folder that holds {SETTINGS_FILE}")
    found = {}
    for file in _files(path):
        try:
            if file.stat().st_size > _LARGEST:
                raise UnreadableFolder(f"{file} is larger than {_LARGEST // 1_000_000} MB")
            # What is no text by its name is refused by its name; its bytes are of no use.
            data = file.read_bytes() if file.suffix in _TEXTS else b""
        except OSError as error:
            raise UnreadableFolder(f"{file} cannot be read: {error.strerror}") from error
        found[file.relative_to(path).as_posix()] = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    return found


def _files(path: Path) -> Iterator[Path]:
    """The files of a workspace, in order of their names; links are followed, and no folder is gone into twice."""
    for entry in _entries(path):
        if entry.is_file() and _looks_like(entry.name, (SETTINGS_FILE, "tamshy.yml")):
            yield entry
        elif entry.is_dir() and _looks_like(entry.name, ALL_FOLDERS):
            for inner in _entries(entry):
                if inner.is_file():
                    yield inner
                elif inner.is_dir():
                    yield from (file for file in _entries(inner) if file.is_file())


def _entries(path: Path) -> list[Path]:
    try:
        return sorted(
            entry for entry in path.iterdir() if not entry.name.startswith(".") and not entry.name.endswith("~")
        )
    except OSError as error:
        raise UnreadableFolder(f"{path} cannot be read: {error.strerror}") from error


def _looks_like(name: str, known: tuple[str, ...]) -> bool:
    return bool(difflib.get_close_matches(name.lower(), known, n=1, cutoff=_NEAR))


def write_folder(files: Mapping[str, str], path: Path) -> None:
    """Write the texts of a workspace to the folder at ``path``, made where it is not there yet.

    What reading it adds by itself is left out. Files of the same names are replaced, nothing is removed.

    Raises:
        UnreadableFolder: the folder holds further files of a workspace (reading it again would give another workspace),
            a path leads out of it, or it cannot be written. Nothing is written then, but for the last.
    """
    files = as_written(files)
    for name in files:
        if not is_workspace_path(name):
            raise UnreadableFolder(f"{name!r} is no file of a workspace")
    stray = sorted(set(_read(path)) - set(files)) if path.exists() else []
    if stray:
        raise UnreadableFolder(
            f"{path} holds files that are not of this workspace: {', '.join(stray[:5])}; move them away"
        )
    try:
        for name, text in files.items():
            file = path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode("utf-8"))
    except OSError as error:
        raise UnreadableFolder(f"{path} cannot be written: {error.strerror}") from error


def is_workspace_path(name: str) -> bool:
    """Whether ``name`` is the path of a file that a workspace folder has a place for."""
    parts = PurePosixPath(name).parts
    if any(part.startswith(".") or "\\" in part for part in parts) or "/".join(parts) != name:
        return False
    depth = {1: (SETTINGS_FILE,), 2: (*THING_FOLDERS, CATALOGUE), 3: (MESSAGES,)}
    return bool(parts) and parts[0] in depth.get(len(parts), ())
