"""libkalam through ctypes: what the scenarios of tests/sdk need of it."""
import ctypes as c
import json

import kalam


class Error(c.Structure):
    _fields_ = [("status", c.c_int), ("http_status", c.c_int), ("statement", c.c_int), ("code", c.c_char * 48),
                ("message", c.c_char * 1024)]


class Options(c.Structure):
    _fields_ = [("url", c.c_char_p), ("token", c.c_char_p), ("user", c.c_char_p), ("password", c.c_char_p),
                ("api_key", c.c_char_p), ("space", c.c_char_p), ("timeout_ms", c.c_int), ("retries_max", c.c_int),
                ("refresh_token", c.c_char_p), ("ca_file", c.c_char_p)]


class Param(c.Structure):
    _fields_ = [("type", c.c_int), ("boolean", c.c_bool), ("integer", c.c_int64), ("real", c.c_double),
                ("text", c.c_char_p)]


class Event(c.Structure):
    _fields_ = [("type", c.c_int), ("total_rows", c.c_uint64), ("row_count", c.c_size_t), ("resumed", c.c_bool),
                ("internal", c.c_void_p), ("error", Error)]


class SubscribeOptions(c.Structure):
    _fields_ = [("last_rows", c.c_int64), ("batch_size", c.c_int64), ("params", c.POINTER(Param)),
                ("param_count", c.c_size_t), ("from_seq", c.c_int64), ("on_event", c.c_void_p), ("context", c.c_void_p)]


OK, TIMEOUT, CLOSED = 0, 8, 13
EVENTS = ["ack", "rows", "ready", "insert", "update", "delete", "reconnected", "error"]
lib = c.CDLL(str(kalam.BUILD / "libkalam.so"))
P, S, Z, B = c.c_void_p, c.c_char_p, c.c_size_t, c.c_bool
for name, result, arguments in [
        ("client_new", c.c_int, [c.POINTER(Options), c.POINTER(P), c.POINTER(Error)]), ("client_free", None, [P]),
        ("query_params", c.c_int, [P, S, c.POINTER(Param), Z, c.POINTER(P), c.POINTER(Error)]),
        ("batch", c.c_int, [P, S, c.POINTER(P), c.POINTER(Error)]), ("results_free", None, [P]),
        ("results_count", Z, [P]), ("column_count", Z, [P, Z]), ("column_name", S, [P, Z, Z]),
        ("column_type", S, [P, Z, Z]), ("row_count", Z, [P, Z]), ("affected", c.c_uint64, [P, Z]), ("message", S, [P, Z]),
        ("column_decimal", B, [P, Z, Z, c.POINTER(c.c_int), c.POINTER(c.c_int)]), ("value_json", P, [P, Z, Z, Z]),
        ("text_free", None, [P]), ("is_online", B, [P]),
        ("subscribe", c.c_int, [P, S, c.POINTER(SubscribeOptions), c.POINTER(P), c.POINTER(Error)]),
        ("sub_next", c.c_int, [P, c.c_int, c.POINTER(c.POINTER(Event))]), ("sub_close", None, [P]),
        ("sub_columns", Z, [P]), ("sub_position", c.c_int64, [P]), ("sub_column_name", S, [P, Z]), ("sub_column_type", S, [P, Z]),
        ("event_json", P, [c.POINTER(Event), Z, B]),
        ("live_open", c.c_int, [P, S, c.POINTER(SubscribeOptions), c.POINTER(P), c.POINTER(Error)]),
        ("live_wait", c.c_int, [P, c.c_int, c.POINTER(Error)]), ("live_is_ready", B, [P]), ("live_count", Z, [P]),
        ("live_json", P, [P, Z]), ("live_close", None, [P])]:
    function = getattr(lib, "kalam_" + name)
    function.restype, function.argtypes = result, arguments


class Failure(Exception):
    def __init__(self, status, error):
        super().__init__(f"status {status}: {error.code.decode()} {error.message.decode()}")
        self.status, self.code, self.message, self.statement = (status, error.code.decode(), error.message.decode(),
                                                                error.statement)


def take_text(pointer):
    value = json.loads(c.string_at(pointer).decode())
    lib.kalam_text_free(pointer)
    return value


def make_params(values):
    params = (Param * max(1, len(values)))()
    for param, value in zip(params, values):
        if value is None:
            param.type = 0
        elif isinstance(value, bool):
            param.type, param.boolean = 1, value
        elif isinstance(value, int):
            param.type, param.integer = 2, value
        elif isinstance(value, float):
            param.type, param.real = 3, value
        else:
            param.type, param.text = 4, value.encode()
    return params


class Client:
    def __init__(self, url, user=None, password=None, ca_file=None):
        self.pointer, error = P(), Error()
        options = Options(url=url.encode(), user=user and user.encode(), password=password and password.encode(),
                          ca_file=ca_file and ca_file.encode())
        status = lib.kalam_client_new(options, c.byref(self.pointer), c.byref(error))
        if status:
            raise Failure(status, error)

    def close(self):
        lib.kalam_client_free(self.pointer)

    def online(self):
        return lib.kalam_is_online(self.pointer)

    def run(self, sql, params=None):
        """(results as dicts, Failure or None)"""
        results, error = P(), Error()
        if params is None:
            status = lib.kalam_batch(self.pointer, sql.encode(), c.byref(results), c.byref(error))
        else:
            status = lib.kalam_query_params(self.pointer, sql.encode(), make_params(params), len(params),
                                            c.byref(results), c.byref(error))
        out = [self.result(results, s) for s in range(lib.kalam_results_count(results))]
        lib.kalam_results_free(results)
        return out, Failure(status, error) if status else None

    @staticmethod
    def column(results, s, i):
        precision, scale = c.c_int(), c.c_int()
        kind = lib.kalam_column_type(results, s, i).decode()
        if lib.kalam_column_decimal(results, s, i, c.byref(precision), c.byref(scale)):
            kind = {"Decimal": {"precision": precision.value, "scale": scale.value}}
        return [lib.kalam_column_name(results, s, i).decode(), kind]

    def result(self, results, s):
        columns = [self.column(results, s, i) for i in range(lib.kalam_column_count(results, s))]
        rows = [[take_text(lib.kalam_value_json(results, s, r, i)) for i in range(len(columns))]
                for r in range(lib.kalam_row_count(results, s))]
        return {"columns": columns, "rows": rows, "row_count": lib.kalam_affected(results, s),
                "message": lib.kalam_message(results, s).decode()}

    def options(self, step):
        """Of a scenario's step; None when it has none."""
        snapshot = "live" in step or any(key in step for key in ("last_rows", "batch_size", "from"))
        if not snapshot and "params" not in step:
            return None
        last, params = step.get("last_rows", "all" if snapshot else 0), step.get("params", [])
        return SubscribeOptions(last_rows=-1 if last == "all" else last, batch_size=step.get("batch_size", 0),
                                params=make_params(params), param_count=len(params), from_seq=int(step.get("from", 0)))

    def subscribe(self, sql, step):
        return Subscription(self, sql, self.options(step))

    def live(self, sql, step):
        return Live(self, sql, self.options(step))


class Subscription:
    def __init__(self, client, sql, options):
        self.pointer, error, self.waiting = P(), Error(), []
        status = lib.kalam_subscribe(client.pointer, sql.encode(), options and c.byref(options), c.byref(self.pointer),
                                     c.byref(error))
        if status:
            raise Failure(status, error)

    def close(self):
        lib.kalam_sub_close(self.pointer)

    def position(self):
        return lib.kalam_sub_position(self.pointer)

    def columns(self):
        return [[lib.kalam_sub_column_name(self.pointer, i).decode(), lib.kalam_sub_column_type(self.pointer, i).decode()]
                for i in range(lib.kalam_sub_columns(self.pointer))]

    def next(self, limit_s=20):
        """The next event in the form of tests/sdk/README.md."""
        while not self.waiting:
            event = c.POINTER(Event)()
            status = lib.kalam_sub_next(self.pointer, int(limit_s * 1000), c.byref(event))
            if status != OK:
                raise Failure(status, Error(message=b"no event"))
            self.waiting = self.translate(event)
        return self.waiting.pop(0)

    def translate(self, event):
        it, kind = event.contents, EVENTS[event.contents.type]
        rows = [take_text(lib.kalam_event_json(event, i, False)) for i in range(it.row_count)]
        old = [take_text(lib.kalam_event_json(event, i, True)) for i in range(it.row_count)]
        if kind == "ack":
            return [{"type": kind, "total_rows": it.total_rows, "columns": self.columns()}]
        if kind == "rows":
            return [{"type": kind, "rows": rows}] if rows else []
        if kind == "insert":
            return [{"type": kind, "row": row} for row in rows]
        if kind == "update":
            return [{"type": kind, "row": row, "old": before} for row, before in zip(rows, old)]
        if kind == "delete":
            return [{"type": kind, "old": row, "deleted": row.get("_deleted", True)} for row in old]
        if kind == "reconnected":
            return [] if it.resumed else [{"type": "resync"}]
        return [{"type": kind, "code": it.error.code.decode()}] if kind == "error" else [{"type": kind}]


class Live:
    def __init__(self, client, sql, options):
        self.pointer, error = P(), Error()
        status = lib.kalam_live_open(client.pointer, sql.encode(), options and c.byref(options), c.byref(self.pointer),
                                     c.byref(error))
        if status:
            raise Failure(status, error)

    def rows(self):
        return [take_text(lib.kalam_live_json(self.pointer, i)) for i in range(lib.kalam_live_count(self.pointer))]

    def wait(self, limit_s):
        error = Error()
        status = lib.kalam_live_wait(self.pointer, int(limit_s * 1000), c.byref(error))
        if status not in (OK, TIMEOUT):
            raise Failure(status, error)
        return lib.kalam_live_is_ready(self.pointer)

    def close(self):
        lib.kalam_live_close(self.pointer)
