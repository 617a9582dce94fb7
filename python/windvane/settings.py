"""What the environment says. Read when asked for, never at import."""

from __future__ import annotations

import os


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
