#!/usr/bin/python3
"""Make the sample tables of samples/IN_STREAM and their tickets.

  make_samples.py [--dir DIR] [--tickets]

Every byte follows from the seeds below, so a second run changes nothing. With
--tickets only the tickets are written: that puts them back to READY after a
service has worked on them. Needs nothing but Python's standard library.
"""
import argparse
import csv
import datetime
import io
import json
import os
import random
import sys
import tempfile
import unicodedata

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GAPS = ("", "NaN", "NA", "", "null", "N/A")

TICKETS = {
    "sample_us_users.csv": {
        "file_name": "sample_us_users.csv", "status": "READY", "load_dttm": "2022-02-20:18:18:32",
        "prim_index": "id", "origin": "scripts/make_samples.py",
    },
    "weather_stations.tsv": {
        "file_name": "weather_stations.tsv", "status": "READY", "load_dttm": "2022-02-20:18:19:05",
    },
    "products.csv": {
        "file_name": "products.csv", "status": "READY", "load_dttm": "2022-02-20:18:20:47",
        "prim_index": "SKU", "owner": {"team": "catalogue", "since": 2019},
    },
}


class Dice:
    """Draws from random() alone, the one method whose sequence Python promises to keep."""

    def __init__(self, seed):
        self._random = random.Random(seed).random

    def chance(self, part):
        return self._random() < part

    def below(self, count):
        return int(self._random() * count)

    def between(self, low, high):
        return low + self._random() * (high - low)

    def pick(self, items):
        return items[self.below(len(items))]

    def bell(self):
        """About normal, mean 0 and deviation 1: the sum of twelve uniform draws."""
        total = 0.0
        for _ in range(12):  # not sum(): Python 3.12 made that round in another way
            total += self._random()
        return total - 6.0


def gap(dice, part, value):
    """`value`, or one of the texts that stand for a missing one."""
    return dice.pick(GAPS) if dice.chance(part) else value


# --- sample_us_users.csv ----------------------------------------------------------------------

FIRST_NAMES = ("James Mary Robert Patricia John Jennifer Michael Linda José Zoë Siân Renée Björn Łukasz "
               "D'Andre Ngọc Élodie Iñigo").split()
LAST_NAMES = ("Smith Johnson Williams Brown Jones Garcia O'Neil D'Arcy Müller Rodríguez Nuñez Åkesson "
              "O'Brien Dvořák Lefèvre Şahin").split()
PLACES = (("New York", "NY"), ("Los Angeles", "CA"), ("Coeur d'Alene", "ID"), ("Austin", "TX"),
          ("O'Fallon", "MO"), ("Cañon City", "CO"), ("San Juan", None), ("Land O' Lakes", "FL"))
STREETS = ("Main St", "O'Farrell St", "Elm St", "St. Mary's Ave", "Peña Blvd", '"Old Mill" Ln')
COMMENTS = ("ok", "ok", "ok", 'said "hi", then left', "first line\nsecond line",
            'she wrote:\n"call back, please"\n', "tab\there", "ünïcode ☂ and 日本語", "trailing space ",
            "semi;colon | pipe", "it's fine")
USER_HEADER = ("id", "first_name", "last_name", "email", "age", "income", "score", "visits", "signup_date",
               "last_seen", "active", "newsletter", "address", "country", "age_copy", "batch", "empty",
               "comment")


def python_text(value):
    """A value as str() of a Python dict shows it, always in single quotes."""
    if value is None or isinstance(value, (bool, int)):
        return str(value)
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def address(dice):
    city, state = dice.pick(PLACES)
    fields = {"street": f"{1 + dice.below(9900)} {dice.pick(STREETS)}", "city": city, "state": state,
              "zip": f"{501 + dice.below(99000):05d}", "po_box": dice.chance(0.1),
              "floor": None if dice.chance(0.8) else dice.below(40)}
    text = "{" + ", ".join(f"'{key}': {python_text(value)}" for key, value in fields.items()) + "}"
    # A few are cut off, as an export with a width limit leaves them: no repair can save those.
    return text[:40] if dice.chance(0.002) else text


def plain_ascii(text):
    """A name as it stands in a mail address: no accents, no apostrophes."""
    parts = unicodedata.normalize("NFKD", text.lower().replace("ł", "l"))
    return "".join(part for part in parts if part.isascii() and part.isalpha())


def user_rows(count):
    dice = Dice(20220222)
    first_day = datetime.date(2015, 1, 1)
    first_second = datetime.datetime(2022, 2, 1)
    yield USER_HEADER
    for number in range(1, count + 1):
        first, last = dice.pick(FIRST_NAMES), dice.pick(LAST_NAMES)
        age = gap(dice, 0.03, 18 + dice.below(73))
        income = gap(dice, 0.07, f"{28000 + dice.between(0, 1) ** 3 * 240000:.2f}")
        day = first_day + datetime.timedelta(days=dice.below(2600))
        seen = first_second + datetime.timedelta(seconds=dice.below(2_000_000))
        yield (number, first, last, f"{plain_ascii(first)}.{plain_ascii(last)}{number}@example.com", age, income,
               gap(dice, 0.01, repr(dice.bell())), dice.below(70000), day.isoformat(),
               gap(dice, 0.02, seen.strftime("%Y-%m-%d %H:%M:%S")),
               "true" if dice.chance(0.6) else "false",
               gap(dice, 0.04, "True" if dice.chance(0.3) else "False"),
               gap(dice, 0.01, address(dice)) if number > 1 else address(dice),
               "US", age, 7, "", "" if dice.chance(0.5) else dice.pick(COMMENTS))


# --- weather_stations.tsv ---------------------------------------------------------------------

STATIONS = (("Nuuk", 64.18, -51.74, -2.0), ("Phoenix", 33.45, -112.07, 24.0), ("Quito", -0.18, -78.47, 14.0),
            ("Tromsø", 69.65, 18.96, 3.0), ("Ushuaia", -54.8, -68.3, 6.0))


def weather_rows(count):
    dice = Dice(1873)
    yield ("station", "latitude", "longitude", "day", "observed_at", "temperature_c", "pressure_pa", "rain_m",
           "aerosol_kg_m3", "wind_m_s", "ice_days")
    start = datetime.datetime(2021, 11, 3, 0, 0, 0)
    for number in range(count):
        name, latitude, longitude, warmth = STATIONS[number % len(STATIONS)]
        when = start + datetime.timedelta(hours=number // len(STATIONS), microseconds=dice.below(4) * 250000)
        temperature = warmth + 6 * dice.bell()
        yield (name, latitude, longitude, when.date().isoformat(),
               when.isoformat(sep="T", timespec="auto"), gap(dice, 0.02, f"{temperature:.1f}"),
               gap(dice, 0.01, f"{101325 + 900 * dice.bell():.6e}"),
               f"{0 if dice.chance(0.7) else dice.between(0, 0.02):.4g}", f"{10 ** dice.between(-9, -4):.3e}",
               gap(dice, 0.05, f"{abs(4 * dice.bell()):.2f}"), -1 if temperature > 0 else dice.below(30))


# --- products.csv -----------------------------------------------------------------------------

NOUNS = ("Schraube M4", "Tee-Kanne", "Lampe; weiß", "Crème brûlée", "Kabel 2,5 m", 'Rohr 3/4"', "Pinsel", "Ø-Ring")


def product_rows(count):
    dice = Dice(4711)
    yield ("sku", "name", "price", "cost", "stock", "in_stock", "discontinued", "added", "weight_kg", "ean")
    number = 0
    for _ in range(count):
        number += 1 + dice.below(9)
        price = dice.between(0.5, 900)
        stock = 0 if dice.chance(0.2) else dice.below(5000)
        added = datetime.date(2019, 1, 1) + datetime.timedelta(days=dice.below(1200))
        yield (f"{number:08d}", dice.pick(NOUNS), f"{price:.2f}", gap(dice, 0.06, f"{price * 0.6:.2f}"), stock,
               "TRUE" if stock else "FALSE", gap(dice, 0.1, "TRUE" if dice.chance(0.05) else "FALSE"),
               gap(dice, 0.02, added.isoformat()), gap(dice, 0.1, f"{dice.between(0.01, 40):.3f}"),
               4_000_000_000_000 + dice.below(999_999_999_999))


# ----------------------------------------------------------------------------------------------


def table_text(rows, **dialect):
    out = io.StringIO()
    csv.writer(out, **dialect).writerows(rows)
    return out.getvalue()


def write_atomically(path, data):
    """Write beside the file and rename, so that a watcher never reads half a file."""
    try:
        with open(path, "rb") as old:
            if old.read() == data:
                return False
    except FileNotFoundError:
        pass
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        os.chmod(temporary, 0o644)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return True


def main(arguments):
    parser = argparse.ArgumentParser(description="Make the sample tables and their tickets.")
    parser.add_argument("--dir", default=os.path.join(ROOT, "samples", "IN_STREAM"))
    parser.add_argument("--tickets", action="store_true", help="write the tickets alone")
    options = parser.parse_args(arguments)
    os.makedirs(options.dir, exist_ok=True)
    files = {}
    if not options.tickets:
        files["sample_us_users.csv"] = table_text(user_rows(5000), lineterminator="\n").encode("utf-8")
        files["weather_stations.tsv"] = table_text(weather_rows(1200), delimiter="\t",
                                                   lineterminator="\n").encode("utf-8")
        files["products.csv"] = table_text(product_rows(800), delimiter=";",
                                           lineterminator="\r\n").encode("utf-8-sig")
    for name, ticket in TICKETS.items():
        stem = name.partition(".")[0]
        files[stem + ".ticket"] = (json.dumps(ticket, ensure_ascii=False) + "\n").encode("utf-8")
    for name, data in files.items():
        changed = write_atomically(os.path.join(options.dir, name), data)
        if sys.stdout.isatty() or not options.tickets:
            print(f"{'wrote' if changed else 'kept '} {name} ({len(data):,} bytes)")


if __name__ == "__main__":
    main(sys.argv[1:])
