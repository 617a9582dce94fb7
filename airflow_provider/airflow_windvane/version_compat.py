"""Which Airflow this is, and the names that moved between its versions: the only place that knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import BaseHook, CronDataIntervalTimetable, conf
    from airflow.sdk.exceptions import (
        AirflowFailException,
        AirflowNotFoundException,
        AirflowOptionalProviderFeatureException,
        AirflowRescheduleException,
    )


def get_base_airflow_version_tuple() -> tuple[int, int, int]:
    """Major, minor and micro of the installed Airflow, without its pre-release part."""
    from airflow import __version__
    from packaging.version import Version

    version = Version(__version__)
    return version.major, version.minor, version.micro


AIRFLOW_V_3_1_PLUS: bool = get_base_airflow_version_tuple() >= (3, 1, 0)
AIRFLOW_V_3_2_PLUS: bool = get_base_airflow_version_tuple() >= (3, 2, 0)
AIRFLOW_V_3_3_PLUS: bool = get_base_airflow_version_tuple() >= (3, 3, 0)
AIRFLOW_V_3_4_PLUS: bool = get_base_airflow_version_tuple() >= (3, 4, 0)

# Where each name is from which version on; below it, where it was before.
_HOMES = {
    "BaseHook": ("airflow.sdk", AIRFLOW_V_3_1_PLUS, "airflow.hooks.base"),
    "conf": ("airflow.sdk", AIRFLOW_V_3_2_PLUS, "airflow.configuration"),
    "CronDataIntervalTimetable": ("airflow.sdk", AIRFLOW_V_3_3_PLUS, "airflow.timetables.interval"),
    "AirflowFailException": ("airflow.sdk.exceptions", AIRFLOW_V_3_2_PLUS, "airflow.exceptions"),
    "AirflowNotFoundException": ("airflow.sdk.exceptions", AIRFLOW_V_3_2_PLUS, "airflow.exceptions"),
    "AirflowOptionalProviderFeatureException": ("airflow.sdk.exceptions", AIRFLOW_V_3_2_PLUS, "airflow.exceptions"),
    "AirflowRescheduleException": ("airflow.sdk.exceptions", AIRFLOW_V_3_2_PLUS, "airflow.exceptions"),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home, moved, before = _HOMES[name]
    value = getattr(import_module(home if moved else before), name)
    globals()[name] = value
    return value


__all__ = [
    "AIRFLOW_V_3_3_PLUS",
    "AIRFLOW_V_3_4_PLUS",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowOptionalProviderFeatureException",
    "AirflowRescheduleException",
    "BaseHook",
    "CronDataIntervalTimetable",
    "conf",
    "get_base_airflow_version_tuple",
]
