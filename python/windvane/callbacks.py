"""What the engine asks of Python: objects with Arrow streams, hooks of Airflow, callables that take rows.

Called by the engine while data moves, never while a spec is read: naming an object in a spec runs its module, and only
modules that are importable where the pipeline runs can be named.
"""

from __future__ import annotations

import datetime as dt
import decimal
import importlib
import inspect
import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from windvane.errors import MissingError, SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SAMPLE_ROWS = 1_000
CHUNK_ROWS = 4_096
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def load(name: str) -> Any:
    """The object that ``package.module:object`` names."""
    module_name, _, path = name.partition(":")
    if not module_name or not path:
        raise _spec(f"'{name}' names no object", "Write package.module:object")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(error.name + ".")):
            hint = "It must be importable where the pipeline runs: installed, or on PYTHONPATH"
            raise _spec(f"there is no module '{module_name}'", hint) from error
        raise
    for part in path.split("."):
        if not hasattr(found, part):
            raise _spec(f"module '{module_name}' has no '{path}'", "Correct the name behind the colon")
        found = getattr(found, part)
    return found


def source(name: str, columns: list[str] | None, limit: int | None, within: str) -> Any:
    """The object with ``__arrow_c_stream__``; a callable is called with what it accepts of the keywords."""
    found = load(name)
    if not hasattr(found, "__arrow_c_stream__") and callable(found):
        wanted = {"columns": columns, "limit": limit, "within": json.loads(within)}
        found = found(**_accepted(found, wanted))
    elif hasattr(found, "read_next_batch"):
        hint = "Name a function that returns a new reader each time: planning and running both read"
        raise _spec(f"'{name}' can be read only once", hint)
    if not hasattr(found, "__arrow_c_stream__"):
        hint = "Give a polars, pandas or pyarrow table, a RecordBatchReader, or a function that returns one"
        raise _spec(f"'{name}' gives a {type(found).__name__}, which has no __arrow_c_stream__", hint)
    return found


def give(name: str, rows: Any, words: str) -> int | None:
    """Hands rows to a callable, with what it accepts of the keywords; how many it says it took."""
    target = load(name)
    if not callable(target):
        raise _spec(f"'{name}' is a {type(target).__name__}, which cannot be called", "Name a function")
    taken = target(_stream(rows), **_accepted(target, json.loads(words)))
    if taken is None or isinstance(taken, int):
        return taken
    raise _spec(f"'{name}' returned a {type(taken).__name__}", "It must return the number of rows it took, or None")


def _stream(rows: Any) -> Any:
    """The engine's batches as one object with ``__arrow_c_stream__``."""
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
    except ImportError:
        return rows.reader()
    return pa.RecordBatchReader.from_batches(pa.schema(rows.schema()), (pa.record_batch(batch) for batch in rows))


def hook_columns(connection: str, table: str | None, query: str | None) -> str:
    """Name and type of the columns of a table or query, from its first rows; JSON."""
    hook = _hook(connection)
    names: list[str] = []
    values: list[list[Any]] = []
    statement = query or f"SELECT * FROM {table}"  # noqa: S608 - the user's own table
    for description, rows in _fetched(hook, statement, (), SAMPLE_ROWS):
        names = names or [column[0] for column in description]
        values.extend(list(row) for row in rows)
    columns = list(zip(*values, strict=True)) if values else [()] * len(names)
    types = [_type_of(column) for column in columns]
    return json.dumps([{"name": name, "type": kind, "nullable": True} for name, kind in zip(names, types, strict=True)])


def hook_rows(  # noqa: PLR0917 - the engine calls it by position
    connection: str, table: str | None, query: str | None, columns: list[str], limit: int | None, within: str
) -> Iterator[list[list[str | None]]]:
    """The wanted columns of a table or query as texts, a chunk at a time."""
    hook = _hook(connection)
    statement = query
    values: list[Any] = []
    if table:
        condition, values = _condition(hook, json.loads(within))
        statement = f"SELECT * FROM {table}{condition}"  # noqa: S608 - the user's own table; values are bound
    for description, rows in _fetched(hook, str(statement), values, limit):
        names = [column[0] for column in description]
        places = [names.index(column) if column in names else None for column in columns]
        yield [[None if place is None else _text(row[place]) for place in places] for row in rows]


def _hook(connection: str) -> Any:
    # Where it is from Airflow 3.1 on, and before.
    for home in ("airflow.sdk", "airflow.hooks.base"):
        try:
            get_hook = importlib.import_module(home).BaseHook.get_hook
            break
        except (ImportError, AttributeError):
            continue
    else:
        raise _spec("a `hook` source needs Airflow", "Run it in Airflow, or install apache-airflow here")
    hook = _opened(get_hook, connection)
    if not hasattr(hook, "get_conn") or not hasattr(hook, "get_records"):
        hint = "Only connections of databases (hooks that are a DbApiHook) can be read so"
        raise _spec(f"the hook of connection '{connection}' is a {type(hook).__name__}, no DbApiHook", hint)
    return hook


# The distribution behind a connection type, where it is not called like it.
_PROVIDERS = {
    "aws": "amazon",
    "databricks": "databricks",
    "gcpbigquery": "google",
    "google_cloud_platform": "google",
    "mssql": "microsoft-mssql",
    "postgresql": "postgres",
    "redshift": "amazon",
    "wasb": "microsoft-azure",
}


def _opened(get_hook: Callable[[str], Any], connection: str) -> Any:
    """The hook of a connection. Airflow's own exceptions moved between its versions: they are told by their names."""
    try:
        return get_hook(connection)
    except Exception as error:
        unknown = re.search(r"Unknown hook type \"(.+)\"", str(error))
        if type(error).__name__ == "AirflowNotFoundException":
            hint = f"Add it in Airflow (Admin, Connections), or set AIRFLOW_CONN_{connection.upper()} for the workers"
            raise MissingError(f"Airflow has no connection '{connection}'", kind="missing", hint=hint) from None
        if type(error).__name__ != "AirflowException" or unknown is None:
            raise
        kind = unknown[1]
        name = _PROVIDERS.get(kind, kind.replace("_", "-"))
        hint = f"Install apache-airflow-providers-{name} (or the provider that has the type '{kind}') where tasks run"
        raise _spec(f"no installed provider opens '{connection}', a connection of the type '{kind}'", hint) from None


def _fetched(
    hook: Any, statement: str, values: Iterable[Any], limit: int | None
) -> Iterator[tuple[list[Any], list[Any]]]:
    """Chunks of rows, each with the description of the columns; at least one."""
    connection = hook.get_conn()
    try:
        cursor = _cursor(connection)
        if bound := list(values):
            cursor.execute(statement, bound)
        else:
            cursor.execute(statement)
        left = limit
        first = True
        while left is None or left > 0:
            rows = cursor.fetchmany(CHUNK_ROWS if left is None else min(CHUNK_ROWS, left))
            if first or rows:
                yield cursor.description, rows
            if not rows:
                break
            first = False
            left = None if left is None else left - len(rows)
        cursor.close()
    finally:
        connection.close()


def _cursor(connection: Any) -> Any:
    """A cursor that keeps the rows at the server, where the driver has one."""
    driver = type(connection).__module__.split(".")[0]
    if driver in {"psycopg", "psycopg2"}:
        return connection.cursor(name="windvane")
    if driver in {"pymysql", "MySQLdb"}:
        cursors = importlib.import_module(f"{driver}.cursors")
        return connection.cursor(cursors.SSCursor)
    return connection.cursor()


def _condition(hook: Any, within: list[dict[str, Any]]) -> tuple[str, list[Any]]:
    """The ranges that the database itself can apply; the engine applies all of them again."""
    parts: list[str] = []
    values: list[Any] = []
    for bound in within:
        column = bound["column"]
        if bound["nulls"] or bound["data_type"] == "text" or not _PLAIN.fullmatch(column):
            continue
        for end, signs in (("from", (">", ">=")), ("to", ("<", "<="))):
            if limit := bound.get(end):
                parts.append(f"{column} {signs[limit['inclusive']]} {hook.placeholder}")
                values.append(_value(limit["value"], bound["data_type"]))
    return (" WHERE " + " AND ".join(parts) if parts else "", values)


def _value(text: str, kind: str) -> Any:
    if kind.startswith("int"):
        return int(text)
    if kind.startswith("decimal"):
        return decimal.Decimal(text)
    if kind.startswith("float"):
        return float(text)
    return text


def _type_of(values: Iterable[Any]) -> str:
    """The narrowest type of ours that holds all values."""
    kinds = {_kind(value) for value in values if value is not None}
    if not kinds:
        return "text"
    if kinds <= {"int64", "decimal"} and kinds != {"int64"}:
        exponents = [value.as_tuple().exponent for value in values if isinstance(value, decimal.Decimal)]
        scale = max((-exponent for exponent in exponents if isinstance(exponent, int)), default=0)
        return f"decimal(38,{min(max(scale, 0), 37)})"
    if kinds == {"int64", "float64"}:
        return "float64"
    return kinds.pop() if len(kinds) == 1 else "text"


def _kind(value: Any) -> str:  # noqa: PLR0911 - one line a type
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "int64" if -(2**63) <= value < 2**63 else "decimal"
    if isinstance(value, float):
        return "float64"
    if isinstance(value, decimal.Decimal):
        return "decimal"
    if isinstance(value, bytes | bytearray | memoryview):
        return "binary"
    if isinstance(value, dt.datetime):
        return "timestamptz" if value.tzinfo else "timestamp"
    if isinstance(value, dt.date):
        return "date"
    if isinstance(value, dt.time):
        return "time"
    if isinstance(value, uuid.UUID):
        return "uuid"
    return "json" if isinstance(value, dict | list | tuple) else "text"


def _text(value: Any) -> str | None:  # noqa: PLR0911 - one line a type
    """A value as the engine's canonical text of its type; no digit is lost."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, decimal.Decimal):
        return format(value, "f") if value.is_finite() else str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, default=str)
    return str(value)


def _accepted(function: Callable[..., Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The keywords that a callable takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return {}
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters):
        return wanted
    named = {one.name for one in parameters if one.kind is not inspect.Parameter.POSITIONAL_ONLY}
    return {key: value for key, value in wanted.items() if key in named}


def _spec(message: str, hint: str) -> SpecError:
    return SpecError(message, kind="spec", hint=hint)
