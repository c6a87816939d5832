#!/usr/bin/python3
"""Make the tables that the benchmark works on; the same bytes every time.

  make_data.py users ROWS FILE            17 mixed columns (about 202 bytes a row): numbers with gaps, dates,
                                          Python-style JSON, quoted text over several lines, a constant, a
                                          duplicated and an empty column
  make_data.py wide ROWS COLUMNS FILE     numbers alone: every third column of integers, the others fractions
  make_data.py numbers ROWS FILE          ten columns of numbers as programs write them: integers of many
                                          lengths, short and full-length fractions, exponents; none missing
  make_data.py xlsx ROWS FILE             the table of `users` as a workbook with shared strings and real
                                          dates (needs python3-xlsxwriter)

Needs nothing but Python's standard library otherwise. The file appears whole or not at all.
"""
import csv
import datetime
import os
import random
import sys

FIRST_NAMES = "James Mary Robert Patricia John Jennifer Michael Linda O'Neil Siân José Zoë".split()
LAST_NAMES = "Smith Johnson Williams Brown Jones Garcia Müller Davis Rodríguez D'Arcy".split()
# City and state as str() of a Python dict shows them.
PLACES = [(r"'New York'", "'New York'"), (r"'Los Angeles'", "'California'"), (r"'Coeur d\'Alene'", "'Idaho'"),
          (r"'Austin'", "'Texas'"), (r"'St. John\'s'", "'Newfoundland'"), (r"'München'", "None")]
COMMENTS = ["ok", 'said "hi", left', "multi\nline", "tab\there", "ünïcode ☂", "trailing space "]
USERS_HEADER = ["id", "first_name", "last_name", "email", "age", "income", "score", "visits", "signup_date",
                "last_seen", "active", "address", "country", "age_copy", "batch", "empty", "comment"]


def users(count):
    dice = random.Random(20220222)
    draw = dice.random
    days = [(datetime.date(2015, 1, 1) + datetime.timedelta(days=day)).isoformat() for day in range(2900)]
    first_second = datetime.datetime(2022, 2, 1)
    for number in range(1, count + 1):
        first = FIRST_NAMES[int(draw() * len(FIRST_NAMES))]
        last = LAST_NAMES[int(draw() * len(LAST_NAMES))]
        age = "" if draw() < 0.03 else 18 + int(draw() * 73)
        income = "" if draw() < 0.07 else f"{dice.lognormvariate(10.6, 0.6):.2f}"
        score = "NaN" if draw() < 0.01 else repr(dice.gauss(0, 1))
        city, state = PLACES[int(draw() * len(PLACES))]
        seen = first_second + datetime.timedelta(seconds=int(draw() * 2_000_000))
        yield [number, first, last, f"{first}.{last}{number}@example.com".lower(), age, income, score,
               int(draw() * 70001), days[int(draw() * len(days))],
               "" if draw() < 0.02 else seen.isoformat(sep=" "), "true" if draw() < 0.6 else "false",
               f"{{'city': {city}, 'state': {state}, 'zip': '{10000 + int(draw() * 90000)}'}}", "US", age, 7, "",
               "" if draw() < 0.5 else COMMENTS[int(draw() * len(COMMENTS))]]


def wide(count, columns):
    draw = random.Random(7).random
    for _ in range(count):
        yield ["" if draw() < 0.02 else f"{draw():.6f}" if column % 3 else int(draw() * 100500) - 500
               for column in range(columns)]


def numbers(count):
    dice = random.Random(11)
    draw = dice.random
    for number in range(count):
        yield [number, int(draw() * 100), int(draw() * 2 ** 31) - 2 ** 30, int(draw() * 2 ** 62),
               f"{draw() * 1000:.2f}", f"{draw():.6f}", repr(dice.gauss(0, 1)), repr(draw() * 360 - 180),
               f"{dice.lognormvariate(0, 20):.8e}", f"{dice.expovariate(0.001):.3f}"]


def write_workbook(path, header, rows):
    import xlsxwriter

    number_columns = [header.index(name) for name in ("age", "income", "score", "age_copy")]
    day, second = header.index("signup_date"), header.index("last_seen")
    book = xlsxwriter.Workbook(path + ".part")
    sheet = book.add_worksheet("users")
    formats = {day: book.add_format({"num_format": "yyyy-mm-dd"}),
               second: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})}
    sheet.write_row(0, 0, header)
    for index, row in enumerate(rows, 1):
        for column, value in enumerate(row):
            if value in ("", "NaN"):
                continue
            if column in formats:
                sheet.write_datetime(index, column, datetime.datetime.fromisoformat(value), formats[column])
            elif column in number_columns:
                sheet.write_number(index, column, float(value))
            elif value in ("true", "false"):
                sheet.write_boolean(index, column, value == "true")
            else:
                sheet.write(index, column, value)
    book.close()
    os.rename(path + ".part", path)


def write(path, header, rows):
    temporary = path + ".part"
    with open(temporary, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    os.rename(temporary, path)


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "users":
        write(arguments[2], USERS_HEADER, users(int(arguments[1])))
    elif len(arguments) == 4 and arguments[0] == "wide":
        columns = int(arguments[2])
        write(arguments[3], [f"c{column}" for column in range(columns)], wide(int(arguments[1]), columns))
    elif len(arguments) == 3 and arguments[0] == "numbers":
        write(arguments[2], [f"n{column}" for column in range(10)], numbers(int(arguments[1])))
    elif len(arguments) == 3 and arguments[0] == "xlsx":
        write_workbook(arguments[2], USERS_HEADER, users(int(arguments[1])))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
