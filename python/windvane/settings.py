"""What the environment says. Read when asked for, never at import."""

from __future__ import annotations

import os
import re

from windvane.errors import SpecError, UnsupportedError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/(/?)")
_STORES = ("s3", "s3a", "gs", "az", "abfs", "abfss")
_WAYS = (
    "Name an absolute folder, or s3://bucket/folder, gs://bucket/folder, az://container/folder; a connection stands "
)
_WAYS += "before the bucket: s3://CONNECTION@bucket/folder"


def staging_place(chosen: str | os.PathLike[str]) -> str:
    """Where rows rest: the absolute path of a folder, or the address of one in an object store.

    What looks like another address is refused: made into a path it would be a folder called ``s3:``.

    Args:
        chosen: What the user named.

    """
    text = os.fspath(chosen).strip()
    address = _SCHEME.match(text)
    if address is None:
        return os.path.abspath(os.path.expanduser(text))
    scheme, slash = address[1], address[2]
    # What is refused is not repeated: it may hold a password.
    if scheme not in _STORES:
        raise UnsupportedError(f"staging cannot be at an address of the kind {scheme}:", kind="unsupported", hint=_WAYS)
    if not slash:
        raise SpecError(
            f"staging at {scheme}:/ lacks a slash: addresses begin with {scheme}://", kind="spec", hint=_WAYS
        )
    authority = text[address.end() :].partition("/")[0]
    secret, _, _ = authority.rpartition("@")
    if not authority or ":" in secret or "?" in text or "#" in text:
        message = "the address of staging names no bucket, or holds more than a connection, a bucket and a path"
        raise SpecError(message, kind="spec", hint=_WAYS)
    return text.rstrip("/")


def is_address(place: str) -> bool:
    """Whether a staging place, a plan or a quarantine file lies in an object store."""
    return _SCHEME.match(place) is not None


def without_connection(address: str) -> tuple[str, str | None]:
    """An address as its store knows it, and the id of the connection that stood before the bucket.

    Args:
        address: ``s3://CONNECTION@bucket/key``, or any other text.

    """
    found = _SCHEME.match(address)
    if found is None:
        return address, None
    authority, slash, key = address[found.end() :].partition("/")
    connection, _, bucket = authority.rpartition("@")
    # abfss://container@account.dfs.core.windows.net is no connection.
    if not connection or (found[1].startswith("abfs") and "." in bucket):
        return address, None
    return f"{found[0]}{bucket}{slash}{key}", connection


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
