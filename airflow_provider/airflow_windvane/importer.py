"""Specs as DAG files of their own, for Airflow 3.4 and later.

Airflow 3.4 lets a provider import other files than Python ones: no loader file is needed, the Code tab shows the spec,
and each broken spec has its own import error. Switch it on with::

    [dag_processor]
    dag_importer_configs = [{"classpath": "airflow_windvane.importer.WindvaneDagImporter"}]

and do not load the same folder with ``load_dags`` as well. It may stand beside Airflow's own YAML importer, in either
order. (With ``[core] dag_discovery_safe_mode`` off, that one takes every YAML file for its own, ours too.)
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_windvane.version_compat import AIRFLOW_V_3_4_PLUS

if not AIRFLOW_V_3_4_PLUS:
    from airflow_windvane.version_compat import AirflowOptionalProviderFeatureException

    raise AirflowOptionalProviderFeatureException(
        "DAG importers need Airflow 3.4 or later; on older versions call airflow_windvane.load_dags in a DAG file"
    )

from airflow.sdk.importers.base import (  # type: ignore[import-not-found,unused-ignore]
    AbstractDagImporter,
    DagImportError,
    DagImportResult,
    DagSourceCode,
    FileDagDefinition,
    FilesystemDagDefinition,
    find_file_dag_definitions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk.importers.base import DagDefinition

ENDINGS = (".windvane.yaml", ".windvane.yml", ".windvane.json")


class SpecDefinition(FileDagDefinition):  # type: ignore[misc,unused-ignore]
    """A spec in a bundle.

    Not a :class:`FilesystemDagDefinition`: Airflow gives those to the owner of ``.yaml``, its YAML importer where that
    is switched on, and drops what another importer has listed. This one's suffix is ours alone.

    Args:
        file: The spec as Airflow found it.

    """

    def __init__(self, file: FilesystemDagDefinition) -> None:
        self._file = file
        self.path = file.path

    @property
    def suffix(self) -> str:
        """The ending that makes a file a spec: ``.windvane.yaml``."""
        return next((ending for ending in ENDINGS if self.path.name.endswith(ending)), self._file.suffix)

    @property
    def freshness_token(self) -> str:
        """What changes when the spec or a plan beside it does."""
        beside = sorted(self.path.parent.glob(f"{self.path.name.split('.')[0]}.*plan.json"))
        plans = "".join(f"/{plan.stat().st_mtime_ns}" for plan in beside)
        return f"{self._file.freshness_token}{plans}"

    def get_relative_loc(self, root: Path | None = None) -> str:
        """The spec's place below a folder.

        Args:
            root: The bundle's folder.

        """
        return str(self._file.get_relative_loc(root))

    def read_bytes(self) -> bytes:
        """The spec's content."""
        return bytes(self._file.read_bytes())

    def sibling(self, relpath: str) -> Any:
        """A file beside the spec.

        Args:
            relpath: Its place, seen from the spec's folder.

        """
        return self._file.sibling(relpath)

    def as_file(self) -> Any:
        """The spec as a path."""
        return self._file.as_file()

    def __repr__(self) -> str:
        return repr(self._file)


class WindvaneDagImporter(AbstractDagImporter[FileDagDefinition]):  # type: ignore[misc,unused-ignore]
    """Imports ``*.windvane.yaml`` (``.yml``, ``.json``) and leaves every other YAML file alone."""

    def can_handle(self, definition: DagDefinition | str | Path) -> bool:
        """Whether this is a windvane spec, by the ending of its name.

        Args:
            definition: What Airflow found.

        """
        name = definition if isinstance(definition, (str, Path)) else repr(definition)
        return str(name).endswith(ENDINGS)

    def list_dag_definitions(self, bundle: Any, *, safe_mode: bool = True) -> Iterator[FileDagDefinition]:
        """Every spec of a bundle.

        Args:
            bundle: The DAG bundle.
            safe_mode: Of no consequence: the ending says enough.

        """
        for definition in find_file_dag_definitions(bundle.path, {Path(ending).suffix for ending in ENDINGS}):
            if self.can_handle(definition):
                yield SpecDefinition(definition)

    def import_definition(self, definition: FileDagDefinition, bundle: Any) -> DagImportResult:
        """Turn one spec into one DAG, or into one located error for each mistake in it.

        Args:
            definition: The spec.
            bundle: The DAG bundle that it lies in.

        """
        from airflow_windvane.broken import explained
        from airflow_windvane.dag_factory import build_dag, read_folder
        from airflow_windvane.run_context import bundles, setting

        result = DagImportResult(definition=definition)
        path = Path(repr(definition)).resolve()
        environment = setting("environment") or None
        closed = bundles(os.fspath(bundle.path) if Path(bundle.path).is_dir() else None)
        found = read_folder(str(path.parent), environment=environment, file=path.name, read_only=closed)
        for entry in found["broken"]:
            first = entry["problems"][0]
            result.errors.append(
                DagImportError(
                    source_reference=repr(definition),
                    # Airflow stores the message alone, so the places and hints are part of it.
                    message=explained(entry["file"], entry["problems"], str(path.parent)),
                    error_type=f"windvane:{first['kind']}",
                    line_number=first["line"],
                    column_number=first["column"],
                    suggestion=first.get("hint"),
                )
            )
        for pipeline in found["pipelines"]:
            dag = build_dag(pipeline, str(path), environment=environment)
            dag.bundle_name = bundle.name  # type: ignore[attr-defined,unused-ignore]
            dag.fileloc = repr(definition)
            dag.relative_fileloc = definition.get_relative_loc(bundle.path)
            result.dags.append(dag)
        return result

    def get_source_code(self, definition: DagDefinition, dag_id: str | None = None) -> DagSourceCode:
        """The spec's own text, which the Code tab shows.

        Args:
            definition: The spec.
            dag_id: Of no consequence: a spec holds one DAG.

        """
        language = "json" if repr(definition).endswith(".json") else "yaml"
        return DagSourceCode(source_code=definition.read_text(), language=language)
