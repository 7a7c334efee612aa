"""Gives each worker of pytest-xdist a copy of the database, and each test a fresh one."""

import json
import subprocess
from pathlib import Path

import pytest

DATABASE = "orders_db"  # the container and its volume that the copies are made of
DATA = "/var/lib/postgresql/data"
HERE = Path(__file__).parent


def run(*words, **options):
    done = subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE, cwd=HERE, **options)
    return done.stdout.strip()


@pytest.fixture(scope="session")
def copy(worker_id):
    """Makes a copy of the migrated database, with a container of its own."""
    name = f"{DATABASE}_{worker_id}"
    # All workers come here at once; one of them runs the migrations.
    ensure = ["dvol", "--format", "json", "ensure", "migrated", DATABASE, "--from", "empty", "--files", "../migrations"]
    tag = json.loads(run(*ensure, "--", "../migrate", DATABASE))["tag"]
    image = run("docker", "inspect", "-f", "{{.Config.Image}}", DATABASE)
    run("dvol", "-q", "clone", f"{DATABASE}:{tag}", name)
    run("dvol", "-q", "config", "-C", name, "containers.ready", "pg_isready -q -h 127.0.0.1 -U postgres")
    run("docker", "run", "-d", "--name", name, "-v", f"{name}:{DATA}", "--volume-driver=dvol", image)
    yield name
    run("docker", "rm", "-f", name)
    run("dvol", "-q", "rm", "-f", name)


@pytest.fixture
def database(copy):
    """Resets this worker's copy, then gives the test its client."""
    run("dvol", "-q", "reset", "--hard", "HEAD", copy)
    psql = ["docker", "exec", "-i", copy, "psql", "-qAt", "-U", "postgres", "-v", "ON_ERROR_STOP=1"]
    return lambda sql: run(*psql, input=sql)
