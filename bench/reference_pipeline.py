#!/usr/bin/python3
"""The old service's work on its own stack, pandas, scikit-learn and redis-py: the peer to beat.

  reference_pipeline.py FILE --redis URL [--index COLUMN] [--write naive|pipeline|none]

Reads the file, takes its statistics, finds constant and duplicated columns, mends Python-style JSON,
imputes, scales and downcasts, and writes a row for each key. `naive` waits for every single HSET, as the
old service did; `pipeline` sends them by the thousand. Prints one line of JSON: the seconds of each stage.
"""
import argparse
import json
import re
import time

import pandas as pd
import redis
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler

PIPELINE_ROWS = 1000


class Stopwatch:
    def __init__(self):
        self.seconds = {}
        self._last = time.perf_counter()

    def lap(self, stage):
        now = time.perf_counter()
        self.seconds[stage] = round(now - self._last, 3)
        self._last = now


def statistics(frame):
    numbers = frame.select_dtypes("number")
    return {"shape": list(frame.shape), "missing": frame.isna().sum().to_dict(), "distinct": frame.nunique().to_dict(),
            "mean": numbers.mean().to_dict(), "std": numbers.std().to_dict(), "min": numbers.min().to_dict(),
            "max": numbers.max().to_dict(), "quartiles": numbers.quantile([0.25, 0.5, 0.75]).to_dict()}


def duplicated_columns(frame):
    kept = {}
    duplicated = {}
    for name in frame:
        codes = pd.factorize(frame[name])[0]
        fingerprint = (str(frame[name].dtype), int(pd.util.hash_array(codes.astype("int64")).sum()))
        first = kept.setdefault(fingerprint, name)
        if first != name and frame[first].equals(frame[name].rename(first)):
            duplicated.setdefault(first, []).append(name)
    return duplicated


def mend_json(text):
    mended = re.sub(r"(?<!\\)'", '"', text).replace("\\'", "'")
    mended = re.sub(r"\bNone\b", "null", mended)
    mended = re.sub(r"\bTrue\b", "true", mended)
    mended = re.sub(r"\bFalse\b", "false", mended)
    try:
        return json.dumps(json.loads(mended), ensure_ascii=False)
    except ValueError:
        return text


def mend_columns(frame):
    for name in frame.select_dtypes(object):
        first = frame[name].first_valid_index()
        if first is not None and isinstance(frame[name][first], str) and frame[name][first][:1] in ("{", "["):
            frame[name] = frame[name].map(mend_json, na_action="ignore")


def numeric_columns(frame, index):
    return [name for name in frame.select_dtypes("number") if name != index and frame[name].notna().any()]


def impute(frame, index):
    numbers = numeric_columns(frame, index)
    frame[numbers] = SimpleImputer(strategy="mean").fit_transform(frame[numbers])
    for name in frame:
        if frame[name].isna().all():
            frame[name] = 0.0
        elif frame[name].dtype == object:
            frame[name] = frame[name].fillna("")


def scale(frame, index):
    numbers = numeric_columns(frame, index)
    frame[numbers] = MinMaxScaler().fit_transform(frame[numbers])


def downcast(frame):
    for name in frame.select_dtypes("number"):
        smaller = pd.to_numeric(frame[name], downcast="integer")
        frame[name] = smaller if smaller.dtype.kind in "iu" else pd.to_numeric(frame[name], downcast="float")


def write_rows(client, name, keys, rows, pipelined):
    client.delete(name)
    if not pipelined:
        for key, row in zip(keys, rows):
            client.hset(name, str(key), json.dumps(row, default=str))
        return
    pipe = client.pipeline(transaction=False)
    for number, (key, row) in enumerate(zip(keys, rows), 1):
        pipe.hset(name, str(key), json.dumps(row, default=str))
        if number % PIPELINE_ROWS == 0:
            pipe.execute()
    pipe.execute()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/0")
    parser.add_argument("--index")
    parser.add_argument("--write", choices=("naive", "pipeline", "none"), default="naive")
    options = parser.parse_args()

    watch = Stopwatch()
    frame = pd.read_csv(options.file)
    watch.lap("read")
    found = statistics(frame)
    found["constant"] = [name for name in frame if frame[name].nunique(dropna=False) == 1]
    watch.lap("profile")
    found["duplicated"] = duplicated_columns(frame)
    watch.lap("duplicated")
    mend_columns(frame)
    watch.lap("json_repair")
    impute(frame, options.index)
    watch.lap("impute")
    scale(frame, options.index)
    watch.lap("scale")
    downcast(frame)
    watch.lap("downcast")
    if options.write != "none":
        keys = frame[options.index] if options.index else range(len(frame))
        kept = frame.drop(columns=[options.index]) if options.index else frame
        rows = kept.astype(object).to_dict(orient="split")["data"]
        watch.lap("to_rows")
        name = options.file.rsplit("/", 1)[-1].split(".")[0]
        write_rows(redis.Redis.from_url(options.redis), name, keys, rows, options.write == "pipeline")
        watch.lap("write")
    total = round(sum(watch.seconds.values()), 3)
    print(json.dumps({"rows": found["shape"][0], "total": total, "stages": watch.seconds}))


if __name__ == "__main__":
    main()
