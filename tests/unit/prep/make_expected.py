#!/usr/bin/env python3
"""Writes sklearn_expected.h: what scikit-learn makes of a few columns.

    /usr/bin/python3 make_expected.py > sklearn_expected.h

Made with scikit-learn 1.2.1 and NumPy 1.24.2."""
import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

nan = np.nan
COLUMNS = {
    "mixed": ("FLOAT64", [1.5, nan, -2.25, 10.0, nan, 3.0, 3.0, 0.1]),
    "whole": ("INT64", [3, nan, -7, 1000, 12, nan, 12, 5]),
    "whole, no gap": ("INT64", [3, 8, -7, 1000, 12, 8, 12, 5]),
    "unsigned": ("UINT64", [2**63, nan, 1, 2**63 + 4096, 12, 12, 7, 5]),
    "constant": ("FLOAT64", [0.1] * 8),
    "constant with gaps": ("FLOAT64", [0.1, nan, 0.1, 0.1, nan, 0.1, 0.1, 0.1]),
    "tiny range": ("FLOAT64", [1.0, 1.0 + 4e-16, nan, 1.0, 1.0, 1.0, 1.0, 1.0]),
    "tied": ("FLOAT64", [5.0, 2.0, 2.0, 5.0, nan, 9.0, -4.0, nan]),
    "far": ("FLOAT64", [1e3, 1e3 + 1, 1e3 + 2, nan, 1e3 + 4, 1e3 + 3, 1e3, 1e3 + 7]),
    "one value": ("FLOAT64", [nan, nan, nan, nan, nan, 42.5, nan, nan]),
}
IMPUTERS = {
    "MEAN": dict(strategy="mean"),
    "MEDIAN": dict(strategy="median"),
    "MOST_FREQUENT": dict(strategy="most_frequent"),
    "CONSTANT": dict(strategy="constant", fill_value=100.0),
    "NONE": None,
}
# Ranges for MinMaxScaler, and rows that it was not fitted on.
RANGES = ((-1.0, 1.0), (0.0, 10.0), (-5.5, -0.1), (0.1, 1e6))
LATER = [0.0, nan, -8.25, 1e6, 12.0, 5.0, 1.0, 1e3]
SCALERS = {"MINMAX": MinMaxScaler, "STANDARD": StandardScaler, "MAXABS": MaxAbsScaler, "ROBUST": RobustScaler}


def c(x):
    return "NAN" if np.isnan(x) else repr(float(x)).replace("inf", "INFINITY")


def parameters(scaler):
    """In the order of struct expected."""
    names = {
        MinMaxScaler: ("data_min_", "data_max_", "scale_", "min_"),
        StandardScaler: ("mean_", "scale_", "var_"),
        MaxAbsScaler: (None, "scale_"),
        RobustScaler: ("center_", "scale_"),
    }[type(scaler)]
    values = [0.0 if n is None else float(np.ravel(getattr(scaler, n))[0]) for n in names]
    return values + [0.0] * (4 - len(values))


print("/* Made by make_expected.py; do not edit. */")
print("/* clang-format off */")
print("enum { N_VALUES = 8 };\n")
print("static const struct table_column {\n    const char *name;\n    enum slc_type type;\n"
      "    double values[N_VALUES]; /* NAN: missing */\n} table_columns[] = {")
for name, (kind, values) in COLUMNS.items():
    print(f'    {{"{name}", SLC_TYPE_{kind}, {{{", ".join(c(v) for v in values)}}}}},')
print("};\n")
print("/* parameters: MINMAX data_min_, data_max_, scale_, min_; STANDARD mean_, scale_, var_; MAXABS 0,\n"
      " * scale_; ROBUST center_, scale_. */")
print("static const struct expected {\n    int column;\n    enum slc_impute impute;\n    enum slc_scale scale;\n"
      "    double fill;\n    double parameters[4];\n    double values[N_VALUES];\n} expectations[] = {")
for i, (name, (kind, values)) in enumerate(COLUMNS.items()):
    X = np.array(values, dtype=float).reshape(-1, 1)
    for imputer_name, options in IMPUTERS.items():
        Y, fill = X, nan
        if options:
            imputer = SimpleImputer(**options).fit(X)
            Y, fill = imputer.transform(X), float(imputer.statistics_[0])
        for scaler_name, scaler_class in SCALERS.items():
            scaler = scaler_class().fit(Y.copy())
            Z = np.ravel(scaler.transform(Y.copy()))
            print(f"    {{{i}, SLC_IMPUTE_{imputer_name}, SLC_SCALE_{scaler_name}, {c(fill)},\n"
                  f"     {{{', '.join(c(p) for p in parameters(scaler))}}},\n"
                  f"     {{{', '.join(c(z) for z in Z)}}}}},")
print("};")

print("\n/* What MinMaxScaler(feature_range, clip), fitted on a column filled with its mean, makes of later_values. */")
print(f"static const double later_values[N_VALUES] = {{{', '.join(c(v) for v in LATER)}}};\n")
print("static const struct ranged {\n    int column;\n    double range[2];\n    bool clip;\n"
      "    double parameters[4];\n    double values[N_VALUES];\n} ranged_expectations[] = {")
for i, (name, (kind, values)) in enumerate(COLUMNS.items()):
    X, later = np.array(values, dtype=float).reshape(-1, 1), np.array(LATER).reshape(-1, 1)
    for feature_range in RANGES:
        for clip in (False, True):
            imputer = SimpleImputer(strategy="mean").fit(X)
            scaler = MinMaxScaler(feature_range=feature_range, clip=clip).fit(imputer.transform(X))
            Z = np.ravel(scaler.transform(imputer.transform(later)))
            print(f"    {{{i}, {{{', '.join(map(c, feature_range))}}}, {str(clip).lower()},\n"
                  f"     {{{', '.join(c(p) for p in parameters(scaler))}}},\n"
                  f"     {{{', '.join(c(z) for z in Z)}}}}},")
print("};")
