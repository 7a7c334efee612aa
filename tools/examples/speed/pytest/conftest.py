"""Gives each test the database as the migrations made it."""

import json
import subprocess
from pathlib import Path

import pytest

DATABASE = "orders_db"  # the container and its volume
HERE = Path(__file__).parent


def run(*words, **options):
    done = subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE, cwd=HERE, **options)
    return done.stdout.strip()


def query(sql):
    return run("docker", "exec", "-i", DATABASE, "psql", "-qAt", "-U", "postgres", "-v", "ON_ERROR_STOP=1", input=sql)


@pytest.fixture(scope="session")
def migrated():
    """Returns the tag of the migrated database. Runs the migrations if their files are new."""
    ensure = ["dvol", "--format", "json", "ensure", "migrated", DATABASE, "--from", "empty", "--files", "../migrations"]
    return json.loads(run(*ensure, "--", "../migrate", DATABASE))["tag"]


@pytest.fixture
def database(migrated):
    """Puts the database back to what the migrations made, then gives the test its client."""
    run("dvol", "-q", "reset", "--hard", migrated, DATABASE)
    return query
