"""Every statistic, fit parameter and cell of the samples, against pandas and scikit-learn."""
import os

import pytest

import compare
import harness
import oracle

SAMPLES = os.path.join(harness.ROOT, "samples", "IN_STREAM")
TABLES = {
    "sample_us_users.csv": {"index": "id"},
    "weather_stations.tsv": {"sep": "\t"},
    "products.csv": {"index": "sku", "sep": ";"},
}


@pytest.fixture(scope="module")
def tables():
    return {name: oracle.Table(os.path.join(SAMPLES, name), **how) for name, how in TABLES.items()}


@pytest.mark.parametrize("scale", ("minmax", "standard", "maxabs", "robust", "none"))
@pytest.mark.parametrize("impute", ("mean", "median", "most_frequent", "constant", "none"))
@pytest.mark.parametrize("name", TABLES)
def test_every_cell_and_parameter(cli, client, tables, name, impute, scale):
    table = tables[name]
    arguments = ["--index", table.index] if table.index else []
    cli.ok("load", os.path.join(SAMPLES, name), *arguments, "--set", f"prep.impute={impute}", "--set",
           f"prep.scale={scale}")
    replica = name.split(".")[0]
    compare.cells(client, replica, table, impute, scale)
    compare.parameters(client, replica, table, impute, scale)
    assert harness.check_counts(client, replica) == (table.rows, table.rows, 0, 0)


@pytest.mark.parametrize("name", TABLES)
def test_every_statistic(cli, client, tables, name):
    table = tables[name]
    arguments = ["--index", table.index] if table.index else []
    cli.ok("load", os.path.join(SAMPLES, name), *arguments)
    compare.statistics(client, name.split(".")[0], table)


@pytest.mark.parametrize("name", TABLES)
def test_downcast_changes_no_value(cli, client, tables, name):
    table = tables[name]
    arguments = ["--index", table.index] if table.index else []
    rows = []
    for downcast in ("on", "off"):
        cli.ok("load", os.path.join(SAMPLES, name), *arguments, "--set", f"prep.downcast={downcast}")
        rows.append(client.hgetall(name.split(".")[0]))
    assert rows[0] == rows[1]
