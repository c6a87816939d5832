"""What pandas and scikit-learn make of a table: the truth that sluice is held against.

Reading is pandas.read_csv with exact number parsing. Beyond pandas' own types a column of dates or
date-times is told by its texts, and whole numbers with gaps are taken from the texts, since pandas makes
floats of them. Nothing in here looks at what sluice says.

In three things sluice differs from pandas on purpose, because pandas loses what the file says:
- digits behind a leading zero are a code, not a number: a column with "007" in it is text;
- a whole number that no double holds exactly makes a column of fractions text instead of changing;
- whole numbers with gaps stay whole.
"""
import ast
import datetime
import json
import math
import re
import warnings

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

# pandas has "None" among its own from 2.0 on.
READ = {"na_values": ["None"], "low_memory": False}
DATE = re.compile(r"\d{4}-\d\d-\d\d")
DATETIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})?)?")
WHOLE = re.compile(r"[ \t]*[+-]?\d+[ \t]*")
SCALERS = {"minmax": MinMaxScaler, "standard": StandardScaler, "maxabs": MaxAbsScaler, "robust": RobustScaler}


def as_time(text):
    """The moment that a date or date-time text means; ValueError when it means none."""
    if not DATETIME.fullmatch(text):
        raise ValueError(text)
    head, _, fraction = text.replace("T", " ").partition(".")
    pattern = "%Y-%m-%d %H:%M:%S" if " " in head else "%Y-%m-%d"
    moment = datetime.datetime.strptime(head, pattern)
    return moment + datetime.timedelta(microseconds=int(fraction.ljust(6, "0")) if fraction else 0)


def time_text(moment, kind):
    return moment.date().isoformat() if kind == "date" else moment.isoformat(timespec="auto")


def order(value):
    """Texts in the order of their bytes, anything else in its own."""
    return value.encode() if isinstance(value, str) else value


def span_of(values):
    """The largest magnitude among the finite numbers."""
    return max((abs(value) for value in values if isinstance(value, (int, float)) and math.isfinite(value)), default=0.0)


class Column:
    def __init__(self, name, typed, raw):
        self.name, self.typed = name, typed
        self.texts = [None if pd.isna(text) else text for text in raw]
        self.missing = np.array([text is None for text in self.texts])
        self.present = [text for text in self.texts if text is not None]
        self.kind = self._kind()

    def _kind(self):
        if not self.present:
            return "empty"
        if pd.api.types.is_bool_dtype(self.typed) or all(isinstance(value, (bool, np.bool_))
                                                         for value in self.typed.dropna()):
            return "bool"
        if pd.api.types.is_numeric_dtype(self.typed):
            return "text" if self._loses_as_numbers() else "number"
        try:
            for text in self.present:
                as_time(text)
        except ValueError:
            return "text"
        return "date" if all(DATE.fullmatch(text) for text in self.present) else "datetime"

    def _loses_as_numbers(self):
        if any(re.match(r"[ \t]*[+-]?0[0-9]", text) for text in self.present):
            return True
        whole = [WHOLE.fullmatch(text) for text in self.present]
        return not all(whole) and any(int(float(match[0])) != int(match[0]) for match in whole if match)

    @property
    def is_whole(self):
        """Whole numbers by their texts, gaps or not."""
        return self.kind == "number" and all(WHOLE.fullmatch(text) for text in self.present)

    @property
    def is_json(self):
        return self.kind == "text" and self.present[0].lstrip()[:1] in ("{", "[")

    @property
    def numbers(self):
        """As float64 with NaN for a gap, as scikit-learn takes them."""
        return self.typed.to_numpy(dtype="float64")

    @property
    def finite(self):
        values = self.numbers
        return pd.Series(values[np.isfinite(values)])

    def values(self):
        """One Python value a row, None for a gap."""
        if self.kind == "empty":
            return [None] * len(self.texts)
        if self.is_whole:
            return [None if text is None else int(text) for text in self.texts]
        if self.kind == "number":
            return [None if gap else float(value) for gap, value in zip(self.missing, self.numbers)]
        if self.kind == "bool":
            return [None if gap else bool(value) for gap, value in zip(self.missing, self.typed)]
        if self.kind in ("date", "datetime"):
            return [None if text is None else time_text(as_time(text), self.kind) for text in self.texts]
        return list(self.texts)

    # ---- the steps

    def fill(self, strategy):
        """What SimpleImputer puts into a gap, and whether it is exact (a mean depends on the order of sums)."""
        if self.kind == "empty":
            return 0.0, True
        if strategy == "constant":
            today = datetime.date.today().isoformat()
            return {"text": "", "number": 0, "bool": False, "date": today, "datetime": today + "T00:00:00"}[self.kind], True
        if self.kind == "text" and strategy != "most_frequent":
            return "", True
        if self.kind == "number" and strategy in ("mean", "median"):
            imputer = SimpleImputer(strategy=strategy)
            return float(imputer.fit(self.numbers.reshape(-1, 1)).statistics_[0]), False
        # Booleans and dates have no mean; scikit-learn takes the smallest of the most frequent values.
        if self.kind == "number" and not self.is_whole:
            return float(SimpleImputer(strategy="most_frequent").fit(self.numbers.reshape(-1, 1)).statistics_[0]), True
        values = pd.Series([value for value in self.values() if value is not None]).mode().tolist()
        return min(values, key=order), True

    def transformed(self, impute="mean", scale="minmax"):
        """(values, exact, span): what lands in Redis, as Python values. They are exact when no sum went into
        them; otherwise `span` is the size of the numbers that were computed with, whose last bits may differ:
        scikit-learn's own mean of a constant 243437817695703 is off by 0.03."""
        values = self.values()
        exact = True
        if impute != "none" and self.missing.any():
            fill, exact = self.fill(impute)
            if self.is_whole and isinstance(fill, float):
                values = [None if value is None else float(value) for value in values]  # as pandas has them
            values = [fill if value is None else value for value in values]
        if scale == "none" or self.kind not in ("number", "empty") or all(value is None for value in values):
            return values, exact, span_of(values)
        matrix = np.array([np.nan if value is None else float(value) for value in values]).reshape(-1, 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scaler = SCALERS[scale]()
            scaled = scaler.fit_transform(matrix)[:, 0]
        span = span_of(values) * (scaler.scale_[0] if scale == "minmax" else 1 / scaler.scale_[0])
        return [None if np.isnan(value) else float(value) for value in scaled], \
            exact and scale in ("minmax", "maxabs"), span


class Table:
    """A file as pandas reads it."""

    def __init__(self, path, index=None, **dialect):
        options = {**READ, **dialect, "encoding": "utf-8-sig"}
        typed = pd.read_csv(path, float_precision="round_trip", **options)
        raw = pd.read_csv(path, dtype=str, **options)
        self.rows = len(raw)
        self.columns = {name: Column(name, typed[name], raw[name]) for name in raw}
        # A key is what stands in the file, also when it looks like a missing value.
        as_written = pd.read_csv(path, dtype=str, keep_default_na=False, **{key: value for key, value in options.items()
                                                                            if key != "na_values"})
        self.keys = list(as_written[index]) if index else [str(number) for number in range(self.rows)]
        self.index = index

    @property
    def stored(self):
        """The columns of a row array."""
        return [column for name, column in self.columns.items() if name != self.index]

    def constant(self):
        """One value and none missing, or nothing but gaps."""
        return [column.name for column in self.stored
                if not column.present or (not column.missing.any() and len(set(column.values())) == 1)]

    def duplicated(self):
        kept = {}
        first_of = {}
        for column in self.stored:
            if not column.present:
                fingerprint = ("empty",)
            else:
                # Whole numbers and fractions are of two types, as pandas' equals() has it.
                fingerprint = (column.kind, column.is_whole, *column.values())
            first = first_of.setdefault(fingerprint, column.name)
            if first != column.name:
                kept.setdefault(first, []).append(column.name)
        return kept


def same_json(text, landed):
    """`landed` is what becomes of the Python-style or JSON text: the same object as JSON, or itself."""
    try:
        wanted = json.loads(text)
    except ValueError:
        try:
            wanted = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return landed == text
    return json.loads(landed) == wanted


def close(wanted, got, span):
    """Equal but for the last bits of a sum: 1e-12 of the value or of the column's largest one."""
    return abs(wanted - got) <= 1e-12 * max(abs(wanted), span)
