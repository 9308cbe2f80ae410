"""Brings answers of PostgreSQL (texts and type oids) and of KalamDB (JSON and type names) into one form."""
import datetime
import functools
import json
import struct

EPOCH = datetime.datetime(1970, 1, 1)
NAMES = {16: "Boolean", 21: "SmallInt", 23: "Int", 20: "BigInt", 700: "Float", 701: "Double", 1700: "Decimal", 25: "Text", 1043: "Text",
         2950: "Uuid", 114: "Json", 17: "Bytes", 1082: "Date", 1083: "Time", 1114: "Timestamp", 705: "Text"}


def plain_decimal(text):
    """Without the zeros of a scale: both write as many as their type has."""
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def single(number):
    """The 32-bit number that was meant: PostgreSQL writes all digits of whole ones."""
    return struct.unpack("f", struct.pack("f", float(number)))[0]


def moment(text):
    return (datetime.datetime.fromisoformat(text) - EPOCH) // datetime.timedelta(microseconds=1)


def clock(text):
    time = datetime.time.fromisoformat(text)
    return ((time.hour * 60 + time.minute) * 60 + time.second) * 1000000 + time.microsecond


@functools.lru_cache(1 << 16)
def from_postgres(oid, text):
    if text is None or oid in (20, 25, 1043, 2950, 705):
        return text
    if oid == 16:
        return text == "t"
    if oid in (21, 23):
        return int(text)
    if oid == 700:
        return single(text)
    if oid == 701:
        return float(text)
    if oid == 1700:
        return plain_decimal(text)
    if oid == 17:
        return list(bytes.fromhex(text[2:]))
    if oid == 1082:
        return (datetime.date.fromisoformat(text) - EPOCH.date()).days
    if oid == 1083:
        return clock(text)
    if oid == 1114:
        return moment(text)
    if oid == 114:
        return json_form(text)
    if oid in (1184, 1186):  # TIMESTAMP WITH TIME ZONE, INTERVAL: no types here
        return text
    raise AssertionError(f"PostgreSQL gave a value of type {oid}: {text}")


def json_form(text):
    """JSON without blanks; keys and numbers stay as they are written."""
    return json.dumps(json.loads(text, parse_float=str, object_pairs_hook=list), ensure_ascii=False, separators=(",", ":"))


def postgres_answer(answer):
    oids, rows = answer
    names = [NAMES.get(oid, f"type {oid}") for oid in oids]
    try:
        return names, [[from_postgres(oid, text) for oid, text in zip(oids, row)] for row in rows]
    except ValueError as error:  # a year before 1 or behind 9999
        return names, [["not compared", str(error)]]


def kalam_answer(result):
    if "schema" not in result:
        return result["row_count"]
    names, rows = [], result["rows"]
    for i, column in enumerate(result["schema"]):
        name = column["data_type"]
        if isinstance(name, dict):
            name = next(iter(name))
        names.append(name)
        if name in ("Decimal", "Json", "Float", "Double"):
            form = {"Decimal": plain_decimal, "Json": json_form, "Float": single, "Double": float}[name]
            for row in rows:
                if row[i] is not None:
                    row[i] = form(row[i])
    return names, rows


def nearly(a, b):
    """Equal but for the last digits of sums of floating-point numbers, whose order is not defined."""
    if isinstance(a, float) and isinstance(b, float):
        return a == b or abs(a - b) <= 1e-9 * max(abs(a), abs(b))
    return a == b
