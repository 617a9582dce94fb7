"""What tests of all kinds share: throwaway servers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

sys.path.insert(0, str(Path(__file__).parent))

# A home of the session's own, before anything asks for one: a shell that is told of no store makes one at home, and what is
# in the store of whoever runs the tests must not decide over them. The toolchain stays where it is.
for _variable, _folder in (("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")):
    os.environ.setdefault(_variable, str(Path.home() / _folder))
_HOME = tempfile.mkdtemp(prefix="windvane-home-")
os.environ["HOME"] = _HOME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services import s3 as s3_service
    from services.mariadb import Server as MariadbServer
    from services.postgres import Server


def unavailable(what: str) -> NoReturn:
    """Skips loudly on a user's machine; in CI a missing service is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} must be there in CI")
    pytest.skip(f"SKIPPED FOR WANT OF {what.upper()}: these tests prove nothing on this machine")


@pytest.fixture(scope="session", autouse=True)
def own_home() -> Iterator[Path]:
    """The session's home; removed at the end."""
    yield Path(_HOME)
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One PostgreSQL server for all tests; each test makes a database of its own."""
    from services.postgres import binaries, server

    programs = binaries()
    if programs is None:
        unavailable("PostgreSQL server programs (initdb, postgres)")
    with server(programs) as running:
        yield running


@pytest.fixture(scope="session")
def s3() -> Iterator[s3_service.Server]:
    """One S3 server for all tests; each test makes a bucket of its own."""
    from services.s3 import installed, server

    if not installed():
        unavailable("moto's S3 server (moto[server], boto3)")
    with server() as running:
        yield running


@pytest.fixture(scope="session")
def celery_broker() -> Iterator[str]:
    """The URL of a Redis server, where Airflow has Celery to use it."""
    import importlib.util

    from services.redis import binary, server

    program = binary()
    if program is None or not importlib.util.find_spec("celery") or not importlib.util.find_spec("asyncpg"):
        unavailable("redis-server, apache-airflow-providers-celery and asyncpg")
    # Workers get disks of their own.
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        unavailable("the right to mount a disk for a worker (root)")
    with server(program) as running:
        yield running


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariadbServer]:
    """One MariaDB server for all tests; each test makes a database of its own."""
    from services.mariadb import binaries, server

    program = binaries()
    if program is None:
        unavailable("MariaDB server programs (mariadb-install-db, mariadbd)")
    with server(program) as running:
        yield running


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The data that lies beside the project; never copied into it."""
    for folder in [*Path(__file__).resolve().parents]:
        data = folder / "shared" / "data"
        if data.is_dir():
            return data
    return pytest.skip("SKIPPED FOR WANT OF ../shared/data: these tests prove nothing on this machine")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for 1 MB: a file system in memory, which only root may mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        unavailable("the right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


@pytest.fixture
def postgres_database(postgres: Server) -> str:
    """The URL of a new, empty database."""
    return postgres.url(postgres.database())


@pytest.fixture
def mysql_database(mariadb: MariadbServer) -> str:
    """The URL of a new, empty MariaDB database."""
    return mariadb.url(mariadb.database())
