"""Read and type a file, or profile it, with an engine that one would pick instead.

  engines.py polars|duckdb read|profile FILE     a CSV file
  engines.py openpyxl|calamine read FILE         a workbook: through pandas, and calamine's own Python values

Runs in the environment that bench/run makes for it. Prints one line of JSON. The seconds start after the
import, which is the engine's start-up and no part of the work.
"""
import json
import sys
import time

MISSING = ["", "NaN", "NA", "null"]


def with_polars(what, path):
    import polars

    start = time.perf_counter()
    frame = polars.read_csv(path, infer_schema_length=10000, null_values=MISSING, try_parse_dates=True)
    if what == "profile":
        frame.null_count()
        frame.describe()
        for name in frame.columns:
            frame[name].n_unique()
    return frame.height, time.perf_counter() - start


def with_duckdb(what, path):
    import duckdb

    database = duckdb.connect(":memory:")
    start = time.perf_counter()
    database.execute("create table t as select * from read_csv(?, nullstr=?, sample_size=-1)", [path, MISSING])
    rows = database.execute("select count(*) from t").fetchone()[0]
    if what == "profile":
        database.execute("summarize t").fetchall()
    return rows, time.perf_counter() - start


def with_openpyxl(_what, path):
    import openpyxl  # noqa: F401  (pandas imports it while it reads)
    import pandas

    start = time.perf_counter()
    frame = pandas.read_excel(path, engine="openpyxl")
    return len(frame), time.perf_counter() - start


def with_calamine(_what, path):
    import python_calamine

    start = time.perf_counter()
    rows = python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    return len(rows) - 1, time.perf_counter() - start


def main(arguments):
    if len(arguments) != 3 or arguments[0] not in ENGINES or arguments[1] not in ("read", "profile"):
        sys.exit(__doc__)
    if arguments[1] == "profile" and arguments[0] in ("openpyxl", "calamine"):
        sys.exit(__doc__)
    rows, seconds = ENGINES[arguments[0]](arguments[1], arguments[2])
    print(json.dumps({"rows": rows, "seconds": round(seconds, 3)}))


ENGINES = {"polars": with_polars, "duckdb": with_duckdb, "openpyxl": with_openpyxl,
           "calamine": with_calamine}

if __name__ == "__main__":
    main(sys.argv[1:])
