"""Airflow connections as the URLs that the engine understands; resolved in a running task and nowhere else.

One row a connection type. What a row does not name is refused, with the name of the field and never its value: a
setting that is silently dropped (an IAM role, a proxy) would connect somewhere else than the user meant.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.sdk import Connection


@dataclass(frozen=True)
class UrlRule:
    """How one connection type becomes a URL.

    Attributes:
        scheme: The scheme that the engine knows.
        is_file: Whether ``host`` is the path of a file.
        is_store: Whether it is an object store, whose place the extras and the address say.
        query: The extras that go into the URL, by their name there.
        ignored: Extras that only steer Python drivers and mean nothing to the engine.

    """

    scheme: str
    is_file: bool = False
    is_store: bool = False
    query: dict[str, str] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()


_POSTGRES = UrlRule(
    scheme="postgresql",
    query={
        name: name
        for name in ("sslmode", "sslrootcert", "sslcert", "sslkey", "application_name", "options", "search_path")
    },
    ignored=frozenset({"cursor", "client_encoding", "connect_timeout", "keepalives", "keepalives_idle"}),
)
_MYSQL = UrlRule(
    scheme="mysql",
    query={"ssl_mode": "ssl-mode", "unix_socket": "socket"}
    | {name: name for name in ("ssl-mode", "ssl-ca", "ssl-cert", "ssl-key")},
    ignored=frozenset({"charset", "client", "connect_timeout", "cursor", "local_infile"}),
)
_SQLITE = UrlRule(scheme="sqlite", is_file=True, ignored=frozenset({"timeout", "check_same_thread"}))
_AWS = UrlRule(
    scheme="aws",
    is_store=True,
    query={
        name: name
        for name in ("region_name", "endpoint_url", "aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    },
    ignored=frozenset({"verify", "service_config", "config_kwargs"}),
)
_GOOGLE = UrlRule(
    scheme="google-cloud-platform",
    is_store=True,
    query={name: name for name in ("keyfile_dict", "key_path", "project", "num_retries", "is_anonymous")},
    ignored=frozenset({"scope"}),
)
_AZURE = UrlRule(
    scheme="wasb",
    is_store=True,
    query={name: name for name in ("sas_token", "tenant_id", "shared_access_key", "account_key", "account_name")},
)

RULES: dict[str, UrlRule] = {
    "postgres": _POSTGRES,
    "postgresql": _POSTGRES,
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "sqlite": _SQLITE,
    "aws": _AWS,
    "google_cloud_platform": _GOOGLE,
    "wasb": _AZURE,
}

APIS = frozenset({"http", "https"})


def engine_urls(connection_ids: Iterable[str], named_in: str | None = None) -> dict[str, str]:
    """The engine's URL of each Airflow connection.

    Args:
        connection_ids: Ids of Airflow connections.
        named_in: The spec or plan that names them.

    Returns:
        Id to URL; the URLs hold secrets, so hand them to the engine and keep them out of logs and XCom.

    Raises:
        MissingError: Airflow does not know one of them.

    """
    return {connection_id: engine_url(_defined(connection_id, named_in)) for connection_id in connection_ids}


def _defined(connection_id: str, named_in: str | None) -> Connection:
    from windvane.errors import MissingError

    from airflow_windvane.version_compat import AirflowNotFoundException, BaseHook

    try:
        return BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        hint = f"Add it in Airflow (Admin, Connections), or set AIRFLOW_CONN_{connection_id.upper()} for the workers"
        place = place_of(connection_id, named_in) if named_in else {}
        where = f"{place['file']}:{place['line']}:{place['column']}: " if place else ""
        message = f"{where}Airflow has no connection '{connection_id}'"
        # What the secrets backends answered is the whole cause; a retry asks the same ones.
        raise MissingError(message, kind="missing", hint=hint, place=place) from None


def place_of(word: str, document: str) -> dict[str, Any]:
    """Where a document names a connection first; the document alone when it does not say so in plain text.

    Args:
        word: The connection's id.
        document: Path of a spec or a plan.

    """
    try:
        lines = Path(document).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError):
        return {}
    named = re.compile(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])")
    # A table or a pipeline may be called so too.
    for only in ("connection", ""):
        for number, line in enumerate(lines, 1):
            plain = line.split(" #", maxsplit=1)[0]
            start = plain.find(only) + len(only)
            found = named.search(plain, start) if only in plain else None
            if found:
                return {"file": document, "line": number, "column": found.start() + 1}
    return {"file": document, "line": 1, "column": 1}


def address_urls(address: str, connection_ids: Iterable[str]) -> dict[str, str]:
    """The engine's URLs for an address: of ``conn:ID`` itself, and of the ids that are given.

    Args:
        address: A path, a URL or ``conn:ID``, with ``#table`` behind it or not.
        connection_ids: Ids of Airflow connections.

    """
    own = [address.removeprefix("conn:").split("#")[0]] if address.startswith("conn:") else []
    return engine_urls([*own, *connection_ids])


def engine_url(connection: Connection) -> str:
    """The engine's URL of one Airflow connection.

    Args:
        connection: The connection, as Airflow returns it.

    Raises:
        SpecError: The type, or one of its extras, is not something the engine can honour.

    """
    from windvane.errors import SpecError

    kind = connection.conn_type
    if kind == "windvane_store":
        kind = "postgres" if connection.login or connection.schema or connection.port else "sqlite"
    if kind in APIS:
        from windvane.connections import api_url

        # The engine refuses the extras that it cannot honour; the others are headers.
        return api_url(
            host=connection.host,
            login=connection.login,
            password=connection.password,
            schema=connection.schema,
            port=connection.port,
            extra=_given(connection.extra_dejson),
        )
    rule = RULES.get(kind or "")
    name = f"connection {connection.conn_id!r}"
    if rule is None:
        known = ", ".join(sorted([*RULES, *APIS]))
        raise SpecError(f"{name} has the type {kind!r}; windvane reads {known}", kind="spec")
    extras = _given(connection.extra_dejson)
    unknown = sorted(set(extras) - set(rule.query) - rule.ignored)
    if unknown:
        raise SpecError(f"{name} has extras that windvane cannot honour: {', '.join(unknown)}", kind="spec")
    if rule.is_file:
        path = connection.host or connection.schema or ""
        if not path.startswith("/"):
            message = f"{name} names no file; write its absolute path into the field 'host'"
            raise SpecError(message, kind="spec")
        return f"{rule.scheme}://{path}"
    return _server_url(rule, connection, {rule.query[key]: value for key, value in extras.items() if key in rule.query})


def _server_url(rule: UrlRule, connection: Connection, query: dict[str, Any]) -> str:
    user = quote(connection.login or "", safe="")
    password = f":{quote(connection.password, safe='')}" if connection.password else ""
    at = "@" if user or password else ""
    # Azure's host may be the address of the account's blobs.
    host = (
        (connection.host or "").removeprefix("https://").rstrip("/")
        if rule.is_store
        else connection.host or "localhost"
    )
    # A folder in the place of a host: its sockets are meant.
    host = quote(host, safe="") if host.startswith("/") else f"[{host}]" if ":" in host else host
    port = f":{connection.port}" if connection.port else ""
    database = f"/{quote(connection.schema, safe='')}" if connection.schema else ""
    query = {key: json.dumps(value) if isinstance(value, dict) else _word(value) for key, value in query.items()}
    tail = f"?{urlencode(query)}" if query else ""
    return f"{rule.scheme}://{user}{password}{at}{host}{port}{database or '/' * rule.is_store}{tail}"


def _word(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _given(extras: dict[str, Any]) -> dict[str, Any]:
    """The extras that hold something; Airflow's forms store the fields left empty as null or as an empty text."""
    return {key: value for key, value in extras.items() if value not in (None, "")}
