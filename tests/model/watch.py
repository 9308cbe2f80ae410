"""A subscription that keeps what it was told: key → `_seq`, held against SELECT whenever the server is quiet.

Equal `_seq` means the same version of the row, so columns need no comparison of their own.
"""
import kalam
from world import predicate_text


class View:
    def __init__(self, server, user, name, table, predicate):
        self.server, self.user, self.name, self.table, self.predicate = server, user, name, table, predicate
        self.rows, self.position, self.generation = {}, 0, 0
        self.open(None)

    def key(self, row):
        return tuple(row[self.table.by_id(k).name] for k in self.table.keys)

    def open(self, resume_from):
        self.socket = self.server.websocket(self.user)
        self.generation += 1
        options = {} if resume_from is None else {"from": resume_from}
        sql = f"SELECT * FROM {self.name} WHERE {predicate_text(self.predicate, self.table)}"
        self.identifier = f"v{self.generation}"
        for row in self.socket.subscribe(self.identifier, sql, options):
            self.rows[self.key(row)] = int(row["_seq"])
        self.position = max(self.position, int(self.socket.ready["last_seq_id"]))

    def resume(self):
        """After the server came back: goes on from the last position known."""
        self.take()
        self.close()
        self.open(self.position)

    def take(self):
        for change in self.socket.changes(self.identifier):
            for row in change.get("rows") or change["old_values"]:
                seq = int(row["_seq"])
                if change["change_type"] == "delete":
                    self.rows.pop(self.key(row), None)
                else:
                    self.rows[self.key(row)] = seq
                self.position = max(self.position, seq)

    def settle(self):
        """Waits until the view shows what SELECT shows."""
        client = self.server.client(self.user)
        keys = ", ".join(self.table.by_id(k).name for k in self.table.keys)
        where = predicate_text(self.predicate, self.table)
        rows = client.rows(f"SELECT {keys}, _seq FROM {self.name} WHERE {where}")
        client.close()
        expected = {tuple(row[:-1]): int(row[-1]) for row in rows}

        def same():
            self.take()
            return self.rows == expected
        try:
            kalam.wait_until(same, 10, "view")
        except AssertionError:
            raise AssertionError(f"subscription of {self.user} on {self.name} WHERE {where} holds {self.rows}, "
                                 f"SELECT shows {expected}; socket closed: {self.socket.closed}") from None

    def close(self):
        self.socket.close()
