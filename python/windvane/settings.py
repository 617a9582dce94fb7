"""What the environment says. Read when asked for, never at import."""

from __future__ import annotations

import os
import re

from windvane.errors import UnsupportedError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def staging_folder(chosen: str | os.PathLike[str]) -> str:
    """The absolute path of a staging folder. A URL is refused: made into a path it would be a folder called ``s3:``.

    Args:
        chosen: What the user named.

    """
    text = os.fspath(chosen).strip()
    if _SCHEME.match(text):
        message = f"staging cannot be '{text}': staging on an object store is not there yet"
        hint = "Name a folder by its path; with several workers one on a file system that all of them share (NFS, EFS)"
        raise UnsupportedError(message, kind="unsupported", hint=hint)
    return os.path.abspath(os.path.expanduser(text))


def store_url(store: str | os.PathLike[str] | None = None) -> str:
    """Where the store is: the argument, else ``WINDVANE_STORE``, else ``~/.windvane/store.db``.

    Args:
        store: A path, ``sqlite:///abs/path.db`` or ``postgresql://user@host:port/database``.

    Returns:
        The URL, or an absolute path.

    """
    chosen = os.fspath(store) if store is not None else os.environ.get("WINDVANE_STORE", "")
    chosen = chosen or os.path.join("~", ".windvane", "store.db")
    # A relative path must mean the same file after a change of directory.
    return chosen if "://" in chosen else os.path.abspath(os.path.expanduser(chosen))
