"""Fixtures that the end-to-end and the parity tests share."""
import os
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import harness  # noqa: E402  (needs the path above)


@pytest.fixture(scope="session")
def short_folder():
    """A folder with a short path: that of a unix socket may have at most 107 bytes."""
    folder = tempfile.mkdtemp(prefix="slc-")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_server(short_folder):
    server = harness.RedisServer(short_folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(redis_server):
    """An empty Redis, seen through redis-py."""
    import redis

    connection = redis.Redis(unix_socket_path=redis_server.socket)
    connection.flushall()
    yield connection
    connection.close()


@pytest.fixture
def cli(tmp_path, redis_server, client):
    return harness.CommandLine(tmp_path, redis_server.unix_url)


@pytest.fixture
def make_service(tmp_path, redis_server, client):
    """make_service(option__name=value) starts a service; all of them are stopped at the end."""
    started = []

    def make(folder=None, start=True, redis_url=redis_server.url, **options):
        service = harness.Service(folder or tmp_path, redis_url, **options)
        started.append(service)
        return service.start() if start else service

    yield make
    for service in started:
        service.stop()


@pytest.fixture
def service(make_service):
    return make_service()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A Redis Cluster of three masters; a module that wants another one has a fixture of this name."""
    import cluster_peers

    made = cluster_peers.Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def empty_cluster(cluster):
    """The same with nothing in it, seen through redis-py."""
    for server in cluster.masters():
        server.client().flushall()
    return cluster.client()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what its services logged."""
    report = (yield).get_result()
    if report.failed:
        for name in ("service",):
            found = getattr(item, "funcargs", {}).get(name)
            if found is not None and os.path.exists(found.log_path):
                report.sections.append((f"log of {name}", found.log()[-4000:]))
