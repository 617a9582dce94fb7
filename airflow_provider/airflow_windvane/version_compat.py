"""Which Airflow this is; the copy that Airflow asks every provider to keep."""

from __future__ import annotations


def get_base_airflow_version_tuple() -> tuple[int, int, int]:
    """Major, minor and micro of the installed Airflow, without its pre-release part."""
    from airflow import __version__
    from packaging.version import Version

    version = Version(__version__)
    return version.major, version.minor, version.micro


AIRFLOW_V_3_3_PLUS: bool = get_base_airflow_version_tuple() >= (3, 3, 0)
AIRFLOW_V_3_4_PLUS: bool = get_base_airflow_version_tuple() >= (3, 4, 0)

__all__ = ["AIRFLOW_V_3_3_PLUS", "AIRFLOW_V_3_4_PLUS", "get_base_airflow_version_tuple"]
