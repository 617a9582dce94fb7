"""The assets that a pipeline updates, in the schemes of Airflow and OpenLineage.

``postgres://host:port/database/schema/table``, ``mysql://host:port/database/table``, ``s3://bucket/key/dataset``,
``file:///path/dataset``: one for each loaded dataset, the same with and without a committed plan, so that a DAG of
another author can be scheduled on it, and lineage knows the place by the name that everybody gives it.

Where a connection leads is not known while DAGs are parsed, nor are a pipeline's datasets before it has a plan. Then
the DAG declares the alias ``windvane/PIPELINE``, and the run adds the assets to it. An operator written by hand knows
less yet (its spec may be a template) and declares an alias of its own, ``windvane/DAG/TASK``. Events are the same
either way: a DAG scheduled on the asset runs, whichever way it came.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import Asset, AssetAlias

_FILES = frozenset({"parquet", "csv", "jsonl"})
_TEMPLATES = ("{{", "{%")
_PORTS = {"postgres": 5432, "mysql": 3306}


def declared(pipeline: str, target: Mapping[str, Any], datasets: Iterable[str], home: str) -> list[Asset | AssetAlias]:
    """What a DAG declares while it is parsed: its assets where they are known, else its alias.

    Args:
        pipeline: The pipeline's name.
        target: The target as the spec writes it.
        datasets: The tables or folders that it loads; none while only the plan stage can tell.
        home: The folder that a relative path means.

    """
    from airflow.sdk import Asset, AssetAlias

    uris = [uri(target, dataset, home=home) for dataset in datasets]
    known = [Asset(one) for one in uris if one is not None]
    return [*known] if known and len(known) == len(uris) else [AssetAlias(alias(pipeline))]


def alias(pipeline: str) -> str:
    """The alias to which a run adds what it loaded.

    Args:
        pipeline: The pipeline's name.

    """
    return f"windvane/{pipeline}"


def with_alias(outlets: Iterable[Any], name: str) -> list[Any]:
    """The outlets with an alias among them, to which a run adds what it loaded: the author's own, else one more.

    Args:
        outlets: What the author declares.
        name: What the alias is called where there is none yet.

    """
    from airflow.sdk import AssetAlias

    outlets = list(outlets)
    return outlets if any(isinstance(one, AssetAlias) for one in outlets) else [*outlets, AssetAlias(alias(name))]


def announce(
    context: Mapping[str, Any], outlets: Iterable[Any], run: Mapping[str, Any], uris: Mapping[str, str | None]
) -> None:
    """Say of each asset what this run brought: rows, checksum, run and plan stand in the event's ``extra``.

    Args:
        context: The task's context.
        outlets: What the task declares.
        run: The record of the run.
        uris: Of each loaded dataset the URI.

    """
    from airflow.sdk import Asset, AssetAlias

    outlets = list(outlets)
    plain = {outlet.uri for outlet in outlets if isinstance(outlet, Asset)}
    aliases = [outlet for outlet in outlets if isinstance(outlet, AssetAlias)]
    events = context["outlet_events"]
    for receipt in run["outputs"]:
        place = uris.get(receipt["dataset"])
        if place is None:
            continue
        asset, extra = Asset(place), _extra(run, receipt)
        if asset.uri in plain:
            events[asset].extra.update(extra)
        for outlet in [] if asset.uri in plain else aliases:
            events[outlet].add(asset, extra=extra)


def _extra(run: Mapping[str, Any], receipt: Mapping[str, Any]) -> dict[str, Any]:
    known = {
        "rows": receipt["loaded"],
        "checksum": receipt.get("checksum_target"),
        "run": run["run"],
        "plan": run["plan"],
        "pipeline": run["pipeline"],
        "dataset": receipt["dataset"],
        "load_id": receipt["load_id"],
        "already": receipt["already"],
    }
    return {key: value for key, value in known.items() if value is not None}


def uri(
    target: Mapping[str, Any],
    dataset: str,
    *,
    home: str,
    urls: Mapping[str, str] | None = None,
    rendered: Mapping[str, str] | None = None,
) -> str | None:
    """The URI of one loaded dataset; nothing while its place is not known.

    Args:
        target: The target as the spec writes it.
        dataset: The table or folder.
        home: The folder that a relative path means.
        urls: The engine's URLs of connections; none while DAGs are parsed.
        rendered: Texts with templates to what they were rendered to.

    """
    ((kind, settings),) = target.items()
    name = quote(dataset, safe="")
    if kind == "python":
        return f"windvane://python/{quote(settings['object'], safe='')}/{name}"
    path = settings.get("path")
    if path is not None:
        path = (rendered or {}).get(path, path)
        return None if any(mark in path for mark in _TEMPLATES) else _below(path, name, home)
    url = (urls or {}).get(settings.get("connection") or "")
    if url is None:
        return None
    split = urlsplit(url)
    if kind == "sqlite":
        return _below("/" + unquote(split.path).lstrip("/"), name, home)
    if kind not in _PORTS:
        return None
    database = unquote(split.path).strip("/")
    if kind == "mysql":
        database = settings.get("database") or database
    between = [database, settings.get("schema") or "public"] if kind == "postgres" else [database]
    host = split.hostname or "localhost"
    host = f"[{host}]" if ":" in host else quote(host, safe=".")
    middle = "/".join(quote(part, safe="") for part in between)
    return f"{kind}://{host}:{split.port or _PORTS[kind]}/{middle}/{name}"


def _below(path: str, name: str, home: str) -> str:
    """The URI of what lies below a path: an address as it is, a local one from the root."""
    scheme, separator, rest = path.partition("://")
    if separator:
        # Airflow and OpenLineage know S3 by one name.
        scheme = "s3" if scheme == "s3a" else scheme
        return f"{scheme}://{quote(rest.rstrip('/'), safe='/@')}/{name}"
    return f"file://{quote(os.path.normpath(os.path.join(home, path)), safe='/')}/{name}"
