"""Read and type a CSV file, or profile it, with an engine that one would pick instead.

  engines.py polars|duckdb read|profile FILE

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


def main(arguments):
    if len(arguments) != 3 or arguments[0] not in ENGINES or arguments[1] not in ("read", "profile"):
        sys.exit(__doc__)
    rows, seconds = ENGINES[arguments[0]](arguments[1], arguments[2])
    print(json.dumps({"rows": rows, "seconds": round(seconds, 3)}))


ENGINES = {"polars": with_polars, "duckdb": with_duckdb}

if __name__ == "__main__":
    main(sys.argv[1:])
