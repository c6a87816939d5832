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

scalers = {"a": MinMaxScaler(), "b": StandardScaler(), "c": MaxAbsScaler(), "d": RobustScaler(), "e": MinMaxScaler()}
for name, scaler in scalers.items():
    i = names.index(name)
    column = np.array([[np.nan if r[i] is None else r[i]] for r in before])
    imputer = SimpleImputer(strategy=impute["columns"][name]["strategy"])
    expected = make_pipeline(imputer, scaler).fit_transform(column).ravel()
    tolerance = 1e-6 if name == "e" else 1e-12
    for got, want in zip([r[i] for r in after], expected):
        assert same(got, float(want), tolerance), (name, got, want)
print(f"{len(before)} rows of {len(names)} columns: equal")
