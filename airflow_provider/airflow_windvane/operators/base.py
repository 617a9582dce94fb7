"""What all windvane operators share: where they run, which connections they open, how they fail."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_windvane.operators.failing import FailingClearly, TaskStopped
from airflow_windvane.policies.retry import default_retry_policy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class WindvaneBaseOperator(BaseOperator):
    """An operator that calls one verb of the engine.

    The engine is imported inside :meth:`execute`, never while DAGs are parsed. Results are references and counts, small
    enough for XCom; rows stay in staging.

    Args:
        connections: Ids of Airflow connections beside those that the spec or plan names itself; all are resolved in the
            running task.
        store: URL of the store or ``conn:ID``; by default ``[windvane] store``.
        staging: Where rows rest between stages: a folder, or ``s3://CONNECTION@bucket/folder`` (``gs://``, ``az://``);
            by default what the spec says, else WINDVANE_STAGING, else ``[windvane] staging``.
        allow: Names of guards that are let pass, beside those of the run's own parameter ``allow``.

    """

    template_fields: Sequence[str] = ("connections", "store", "staging", "allow")
    ui_color = "#d7ecf4"
    ui_fgcolor = "#12303d"
    # Whether it says itself what it loaded; `task.outlets = []` keeps one silent.
    announces = False
    at_work = False

    def __init__(
        self,
        *,
        connections: Sequence[str] = (),
        store: str | None = None,
        staging: str | None = None,
        allow: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        policy = default_retry_policy()
        if policy is not None:
            kwargs.setdefault("retry_policy", policy)
        super().__init__(**kwargs)
        if self.announces:
            from airflow_windvane.assets import with_alias

            dag = f"{self.dag_id}/" if self.has_dag() else ""  # type: ignore[no-untyped-call]
            self.outlets = with_alias(self.outlets, f"{dag}{self.task_id}")
        self.connections = connections
        self.store = store
        self.staging = staging
        self.allow = allow

    def run_context(
        self, context: Mapping[str, Any], document: str, folder: str, environment: str | None = None
    ) -> dict[str, Any]:
        """The keyword arguments that every stage verb takes; holds secrets, so it is passed on and never kept.

        Args:
            context: The task's context.
            document: The spec or plan at hand: it names connections to open and texts to render.
            folder: The spec's folder; with ``[windvane] roots`` all that the engine may touch of the file system.
            environment: The environment whose overlay applies to a spec.

        """
        from windvane import api
        from windvane.settings import without_connection

        from airflow_windvane.connections import engine_urls
        from airflow_windvane.run_context import (
            allowed_of,
            bundle_of_task,
            bundles,
            home,
            host_of,
            roots,
            run_of,
            staging_place,
            store_url,
        )

        allowed = [folder, *roots()]
        store, (_, opens) = store_url(self.store), without_connection(document)
        known = engine_urls([opens] if opens else [])
        at_hand: dict[str, Any] = {"store": store, "connections": known, "host": host_of(context)}
        needed = api.needs(document, environment=environment, roots=allowed, **at_hand)
        staging = staging_place(self.staging, needed["staging"])
        _, opens = without_connection(staging)
        wanted = {*self.connections, *needed["connections"], *([opens] if opens else [])}
        return {
            "run": run_of(context),
            "host": host_of(context),
            "connections": {**known, **engine_urls(sorted(wanted - set(known)), document)},
            "store": store,
            "staging": staging,
            "roots": allowed,
            "home": home(),
            "read_only": bundles(bundle_of_task(context)),
            "rendered": self.rendered(needed["templates"], context),
            "allow": allowed_of(context, self.allow),
        }

    def rendered(self, templates: Sequence[str], context: Mapping[str, Any]) -> dict[str, str]:
        """The texts of a spec that hold Airflow's templates, each with what it is in this run.

        Args:
            templates: The texts, as the spec writes them.
            context: The task's context.

        Raises:
            SpecError: A template names something that this run does not have.

        """
        from jinja2 import TemplateError
        from windvane.errors import SpecError

        made: dict[str, str] = {}
        for text in templates:
            try:
                made[text] = str(self.render_template(text, context))  # type: ignore[arg-type]
            except TemplateError as error:
                hint = "A run without a data interval has no ds: use run_id, dag_run.run_after or params"
                raise SpecError(f"{text!r} cannot be rendered: {error}", kind="spec", hint=hint) from error
            self.log.info("%s is %s in this run.", text, made[text])
        return made

    def showing(self, context: Mapping[str, Any]) -> Any:
        """What the engine tells how far it is: the task's log, and its state under ``windvane_progress`` (Airflow 3.3).

        Args:
            context: The task's context.

        """
        from windvane import progress

        state: Any = context.get("task_state_store")

        def keep(now: dict[str, Any]) -> None:
            try:
                state.set("windvane_progress", now)
            except Exception as error:  # noqa: BLE001 - a page that shows nothing must not end a load
                self.log.debug("The progress is not kept: %s", error)

        return progress.logged(self.log, None if state is None else keep)

    def beside_dag(self, path: str) -> str:
        """The path as this worker sees it: a relative one is meant from the folder of the DAG file.

        Args:
            path: A path, relative so that the serialized DAG is the same on every machine.

        """
        if os.path.isabs(path) or "://" in path or path.startswith(("conn:", "store:")):
            return path
        return os.path.normpath(os.path.join(os.path.dirname(self.dag.fileloc), path))

    def announce(
        self,
        context: Mapping[str, Any],
        run: Mapping[str, Any],
        document: str,
        outside: Mapping[str, Any],
        environment: str | None = None,
    ) -> None:
        """Tell the assets among this task's outlets what the run brought them.

        Args:
            context: The task's context.
            run: The record of the run, or as much of one as is known: its ``run`` and ``outputs``.
            document: The spec or plan that was run.
            outside: What :meth:`run_context` gave.
            environment: The environment whose overlay applies to a spec.

        """
        if not self.outlets:
            return
        from windvane import api

        from airflow_windvane import assets

        given = {key: outside[key] for key in ("roots", "store", "connections", "host")}
        needed = api.needs(document, environment=environment, **given)
        known = {key: outside[key] for key in ("home", "rendered")}
        names = [receipt["dataset"] for receipt in run["outputs"]]
        uris = {name: assets.uri(needed["target"], name, urls=outside["connections"], **known) for name in names}
        whole = {"pipeline": needed["pipeline"], "plan": needed["plan"], **run}
        assets.announce(context, self.outlets, whole, uris)

    def failing_clearly(self) -> FailingClearly:
        """Failures that a retry cannot mend end the task at once; the others are left to the retry policy."""
        return FailingClearly(self)

    def on_kill(self) -> None:
        """End the engine's work: Airflow calls this to stop the task, and kills what is still there five seconds later.

        After a timeout it is called too, when the work has ended already.

        """
        if self.at_work:
            raise TaskStopped("Airflow stops the task: nothing is half done, another try begins anew")
