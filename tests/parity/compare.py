"""sluice's rows and metadata against the oracle; each function fails with all differences it found."""
import json
import math
import warnings

import numpy as np
import pandas as pd

import harness
import oracle

SHOWN = 12


def report(wrong):
    assert not wrong, f"{len(wrong)} differences:\n" + "\n".join(map(str, wrong[:SHOWN]))


def equal(wanted, got, exact, span):
    if wanted is None or got is None:
        return wanted is got
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    if isinstance(wanted, str) or isinstance(got, str):
        return wanted == got
    if same_number(wanted, got):
        return True
    return not exact and oracle.close(wanted, got, span)


def same_number(wanted, got):
    """Equal; of a fraction the digits need only read back as the same double."""
    return wanted == (float(got) if isinstance(wanted, float) else got)


def cells(client, replica, table, impute, scale):
    """Every row key and every cell."""
    rows = {key.decode(): json.loads(row) for key, row in client.hgetall(replica).items()}
    names = json.loads(harness.meta(client, replica)["COLUMNS"])
    assert names == [column.name for column in table.stored]
    assert set(rows) == set(table.keys) and len(rows) == table.rows
    wrong = []
    for at, column in enumerate(table.stored):
        wanted, exact, span = column.transformed(impute, scale)
        for key, value in zip(table.keys, wanted):
            got = rows[key][at]
            if column.is_json and value:
                good = oracle.same_json(value, got)
            elif isinstance(value, float) and math.isinf(value):
                good = got is None  # JSON has no infinity
            else:
                good = equal(value, got, exact, span)
            if not good:
                wrong.append((column.name, column.kind, f"row {key}", "pandas:", value, "sluice:", got))
    report(wrong)


def parameters(client, replica, table, impute, scale):
    """IMPUTE and SCALE: what was learnt, as scikit-learn's fitted attributes."""
    fields = harness.meta(client, replica)
    imputed, scaled = (json.loads(fields[name])["columns"] for name in ("IMPUTE", "SCALE"))
    wrong = []

    def check(column, name, wanted, got, exact=False, span=0.0):
        if got is None or not (same_number(wanted, got) or not exact and oracle.close(wanted, got, span)):
            wrong.append((column.name, column.kind, name, "scikit-learn:", wanted, "sluice:", got))

    for column in table.stored:
        if column.is_json:
            continue  # the most frequent text is stored mended
        said = imputed[column.name]
        if impute == "none":
            if said["strategy"] != "none":
                wrong.append((column.name, "impute", said))
        else:
            value, exact = column.fill(impute)
            if isinstance(value, (bool, str)):
                if said["value"] != value:
                    wrong.append((column.name, column.kind, "fill", "pandas:", value, "sluice:", said))
            else:
                check(column, "fill", value, said["value"], exact, oracle.span_of(column.values()))
            if said.get("count", 0) != column.missing.sum():
                wrong.append((column.name, "count", int(column.missing.sum()), said))
        said = scaled[column.name]
        if scale == "none" or column.kind not in ("number", "empty") or (column.kind == "empty" and impute == "none"):
            if said["strategy"] != "none" and column.kind != "empty":
                wrong.append((column.name, "scale", said))
            continue
        if said["strategy"] != scale:
            wrong.append((column.name, "scale", said))
            continue
        filled, exact, span = column.transformed(impute, "none")
        matrix = np.array([np.nan if value is None else float(value) for value in filled]).reshape(-1, 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scaler = oracle.SCALERS[scale]().fit(matrix)
        if scale == "minmax":
            for name, key in (("data_min_", "data_min"), ("data_max_", "data_max"), ("scale_", "scale"), ("min_", "min")):
                check(column, name, getattr(scaler, name)[0], said[key], exact, span)
        elif scale == "standard":
            # sklearn's own error: the variance of values far from zero is of the size of their square's last bits.
            check(column, "mean_", scaler.mean_[0], said["center"], False, span)
            check(column, "var_", scaler.var_[0], said["var"], False, span * span)
            check(column, "scale_", scaler.scale_[0], said["scale"], False, span)
        elif scale == "maxabs":
            check(column, "scale_", scaler.scale_[0], said["scale"], exact, span)
        else:
            check(column, "center_", scaler.center_[0], said["center"], False, span)
            check(column, "scale_", scaler.scale_[0], said["scale"], False, span)
    report(wrong)


def statistics(client, replica, table):
    """PROFILE, and the lists of metadata that follow from it."""
    fields = harness.meta(client, replica)
    profile = json.loads(fields["PROFILE"])
    wrong = []
    assert profile["rows"] == table.rows
    for column in table.columns.values():
        check_column(column, profile["columns"][column.name], wrong)
    missing = [column.name for column in table.stored if column.missing.any()]
    if json.loads(fields["MISSING_DATA_COL_NAMES"]) != missing:
        wrong.append(("MISSING_DATA_COL_NAMES", missing, fields["MISSING_DATA_COL_NAMES"]))
    counts = [int(table.columns[name].missing.sum()) for name in missing]
    if json.loads(fields["MISSING_DATA_COUNT"]) != counts:
        wrong.append(("MISSING_DATA_COUNT", counts, fields["MISSING_DATA_COUNT"]))
    if sorted(json.loads(fields["ZERO_STD_COLS"])) != sorted(table.constant()):
        wrong.append(("ZERO_STD_COLS", table.constant(), fields["ZERO_STD_COLS"]))
    values = [next((value for value in table.columns[name].values() if value is not None), None)
              for name in json.loads(fields["ZERO_STD_COLS"])]
    said = json.loads(fields["ZERO_STD_COLS_VALUES"])
    if len(said) != len(values) or not all(equal(value, got, True, 0) for value, got in zip(values, said)):
        wrong.append(("ZERO_STD_COLS_VALUES", values, fields["ZERO_STD_COLS_VALUES"]))
    if json.loads(fields["DUPLICATED_COLS"]) != table.duplicated():
        wrong.append(("DUPLICATED_COLS", table.duplicated(), fields["DUPLICATED_COLS"]))
    if json.loads(fields["DF_SHAPE"]) != [table.rows, len(table.stored)]:
        wrong.append(("DF_SHAPE", [table.rows, len(table.stored)], fields["DF_SHAPE"]))
    report(wrong)


TOP_VALUES = 10
SHOWN_BYTES = 256  # a longer text is clipped in PROFILE


def check_column(column, said, wrong):
    def check(name, wanted, got, exact=True, span=0.0):
        if isinstance(wanted, float) and not math.isfinite(wanted):
            good = got is None
        elif got is None:
            good = False
        elif isinstance(wanted, float) and not isinstance(got, str):
            good = same_number(wanted, got) or not exact and oracle.close(wanted, got, span)
        else:
            good = wanted == got
        if not good:
            wrong.append((column.name, column.kind, name, "pandas:", wanted, "sluice:", got))

    present = [value for value in column.values() if value is not None]
    check("count", len(present), said["count"])
    check("missing", int(column.missing.sum()), said["missing"])
    check("distinct", len(set(present)), said["distinct"])
    check("exact", True, said["distinct_is_exact"])
    if not present:
        return
    check("first", clipped(present[0]), said["first"])
    check("min", clipped(min(present, key=oracle.order)), said["min"])
    check("max", clipped(max(present, key=oracle.order)), said["max"])
    counts = sorted(pd.Series(present, dtype=object).value_counts().items(),
                    key=lambda item: (-item[1], oracle.order(item[0])))[:TOP_VALUES]
    check("top counts", [int(count) for _, count in counts], [item["count"] for item in said["top"]])
    for (value, _), item in zip(counts, said["top"]):
        check("top value", clipped(value), item["value"])
    if column.kind == "text":
        lengths = pd.Series([len(text) for text in present])
        check("min_length", int(lengths.min()), said["min_length"])
        check("max_length", int(lengths.max()), said["max_length"])
        check("mean_length", float(lengths.mean()), said["mean_length"], False, float(lengths.max()))
    if column.kind == "number":
        check_numbers(column, present, said, check)


def check_numbers(column, present, said, check):
    finite = column.finite
    span = oracle.span_of(finite)
    check("zeros", sum(value == 0 for value in present), said["zeros"])
    check("negative", sum(value < 0 for value in present), said["negative"])
    check("infinite", len(present) - len(finite), said["infinite"])
    if not len(finite):
        return
    # In 80 bits: numpy's and pandas' own sums carry errors that are not sluice's.
    wide = finite.astype("longdouble")
    check("mean", float(np.mean(wide)), said["mean"], False, span)
    check("sum", float(np.sum(wide)), said["sum"], False, span * len(finite))
    check("std", float(np.std(wide, ddof=1)) if len(finite) > 1 else math.nan, said["std"], False, span)
    for name, part in (("q25", 0.25), ("median", 0.5), ("q75", 0.75)):
        check(name, float(finite.quantile(part)), said[name], False, span)


def clipped(value):
    if isinstance(value, str):
        return value.encode()[:SHOWN_BYTES].decode(errors="ignore")
    return value
