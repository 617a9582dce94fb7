"""Where credentials come from, at run time only: given ones, then the environment.

``WINDVANE_CONN_<ID>`` and ``AIRFLOW_CONN_<ID>`` hold a URL or Airflow's JSON form of a connection. Inside Airflow the
provider hands connections over itself.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SCHEMES = {
    "postgres": "postgresql",
    "postgresql+psycopg2": "postgresql",
    "postgresql+asyncpg": "postgresql",
    "mariadb": "mysql",
    "mysql+mysqldb": "mysql",
    "mysql+mysqlconnector": "mysql",
    "mysql+pymysql": "mysql",
}
_STORES = {"aws", "google_cloud_platform", "wasb", "azure_data_lake", "adls"}


def resolve(ids: Iterable[str], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The URLs of those connections that are defined; the engine names the missing ones when it needs them."""
    found = dict(given or {})
    for connection_id in ids:
        if connection_id in found:
            continue
        for prefix in ("WINDVANE_CONN_", "AIRFLOW_CONN_"):
            value = os.environ.get(prefix + connection_id.upper())
            if value:
                found[connection_id] = engine_url(value)
                break
    return found


def engine_url(value: str) -> str:
    """Airflow's URI or JSON form of a connection, as the URL that the engine opens."""
    if value.lstrip().startswith("{"):
        return from_parts(**_parts(json.loads(value)))
    split = urlsplit(value)
    if split.scheme == "sqlite":
        path = unquote(split.path if split.path.strip("/") else split.netloc)
        return "sqlite:///" + path.lstrip("/")
    scheme = _SCHEMES.get(split.scheme, split.scheme)
    return value.replace(f"{split.scheme}://", f"{scheme}://", 1)


def from_parts(
    conn_type: str,
    *,
    host: str | None = None,
    login: str | None = None,
    password: str | None = None,
    schema: str | None = None,
    port: int | None = None,
    extra: Mapping[str, Any] | None = None,
) -> str:
    """The URL of a connection given in Airflow's fields."""
    if conn_type == "sqlite":
        return "sqlite:///" + (host or schema or "").lstrip("/")
    if conn_type in {"http", "https"}:
        return api_url(host=host, login=login, password=password, schema=schema, port=port, extra=extra)
    scheme = _SCHEMES.get(conn_type, conn_type)
    user = quote(login, safe="") if login else ""
    if password:
        user += ":" + quote(password, safe="")
    # Of an object store the extras say where it is.
    home = "" if conn_type.replace("-", "_") in _STORES else "localhost"
    # A folder in the place of a host: its sockets are meant.
    server = quote(host, safe="") if host and host.startswith("/") else host or home
    place = (f"{user}@" if user else "") + server + (f":{port}" if port else "")
    options = {key: _text(value) for key, value in (extra or {}).items() if _is_said(value)}
    query = "?" + urlencode(options) if options else ""
    return f"{scheme}://{place}/{quote(schema or '', safe='')}{query}"


def api_url(
    *,
    host: str | None,
    login: str | None = None,
    password: str | None = None,
    schema: str | None = None,
    port: int | None = None,
    extra: Mapping[str, Any] | None = None,
) -> str:
    """The URL of an API: ``schema`` is its protocol, the extras are headers. Without a protocol it is ``https``.

    Airflow's own hook would speak plain ``http`` then; here that must be written out.
    """
    written, _, rest = (host or "localhost").rpartition("://")
    scheme = written or schema or "https"
    place, _, path = rest.partition("/")
    user = quote(login or "", safe="") + (":" + quote(password, safe="") if password else "")
    server = (f"{user}@" if user else "") + place + (f":{port}" if port else "")
    query = "?" + urlencode({"__extra__": json.dumps(dict(extra))}) if extra else ""
    return f"{scheme}://{server}/{path}{query}"


def _is_said(value: object) -> bool:
    return isinstance(value, str | int | dict) and value not in ("", {})


def _text(value: str | int | dict[str, Any]) -> str | int:
    """A key file is an object in JSON; the engine takes its text."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict) else value


def _parts(document: Mapping[str, Any]) -> dict[str, Any]:
    known = ("conn_type", "host", "login", "password", "schema", "port", "extra")
    parts = {key: document[key] for key in known if document.get(key) not in (None, "")}
    if isinstance(parts.get("extra"), str):
        parts["extra"] = json.loads(parts["extra"])
    return parts
