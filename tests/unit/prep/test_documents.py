#!/usr/bin/env python3
"""The Python of docs/plan.md does with the documents what the steps and scikit-learn do.

    test_documents.py PLAN_EXAMPLE PLAN_MD"""
import json
import math
import re
import subprocess
import sys

try:
    import numpy as np
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

lines = subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True).stdout.splitlines()
before, after, impute, scale = map(json.loads, lines)
snippet = {}
exec(re.search(r"```python\n(.*?)```", open(sys.argv[2]).read(), re.S).group(1), snippet)
names = list(scale["columns"])


def same(a, b, tolerance=1e-12):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
    return a == b


for read, written in zip(before, after):
    made = snippet["transform"](dict(zip(names, read)), impute, scale)
    for name, got, expected in zip(names, made.values(), written):
        # what JSON holds of a parameter is the double itself, so nothing may differ
        assert got == expected, (name, read, got, expected)
    for name, got, original in zip(names, snippet["invert"](made, scale).values(), read):
        if original is None:
            original = impute["columns"][name].get("value")
        assert same(got, original, 1e-6 if scale["columns"][name].get("float32") else 1e-12), (name, got, original)

scalers = {"a": MinMaxScaler(), "b": StandardScaler(), "c": MaxAbsScaler(), "d": RobustScaler(), "e": MinMaxScaler(),
           "h": MinMaxScaler((-1, 1), clip=True), "i": MinMaxScaler((0, 10))}
for name, scaler in scalers.items():
    i = names.index(name)
    column = np.array([[np.nan if r[i] is None else r[i]] for r in before])
    imputer = SimpleImputer(strategy=impute["columns"][name]["strategy"])
    expected = make_pipeline(imputer, scaler).fit_transform(column).ravel()
    tolerance = 1e-6 if name == "e" else 1e-12
    for got, want in zip([r[i] for r in after], expected):
        assert same(got, float(want), tolerance), (name, got, want)
# What lies outside of the fit: clipped or not, and a double that float32 does not reach stays.
for value in (-1e3, 1e3, 10.0, -2.25):
    for name in ("h", "i"):
        column = [[np.nan if r[names.index(name)] is None else r[names.index(name)]] for r in before]
        fitted = make_pipeline(SimpleImputer(strategy=impute["columns"][name]["strategy"]), scalers[name]).fit(column)
        got = snippet["transform"]({name: value}, impute, scale)[name]
        assert same(got, float(fitted.transform([[value]])[0, 0])), (name, value, got)
        assert name != "h" or -1 <= got <= 1
lossy = {"columns": {"x": {"strategy": "none", "float32": True}}}
for value in (0.1, 3.4028235677973362e38, 3.4028235677973366e38, -1e300):
    with np.errstate(over="ignore"):
        rounded = float(np.float32(value))
    got = snippet["transform"]({"x": value}, {"columns": {"x": {}}}, lossy)["x"]
    assert got == (value if math.isinf(rounded) else rounded), (value, got)
print(f"{len(before)} rows of {len(names)} columns: equal")
