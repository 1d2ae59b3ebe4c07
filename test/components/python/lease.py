"""The lease: one key of the bucket `<prefix>-leases`, stored with a time to live and the sequence that it replaces. The sequence of the
taking is the fence of everything that is reported under it."""
import json, os, socket, time

from nats_client import Conflict, Lost, NoAnswer
from settings import PREFIX, QUEUE, TTL, log


class Lease:
    def __init__(self):
        self.nats, self.fence, self.seq, self.asked = None, 0, 0, 0.0
        self.bucket, self.subject = f"KV_{PREFIX}-leases", f"$KV.{PREFIX}-leases.component-{QUEUE}"
        self.holder = f"{socket.gethostname()}-{os.getpid()}"

    def mine(self):
        return self.fence > 0 and time.monotonic() - self.asked < TTL * 0.8

    def check(self):
        if not self.mine():
            raise Lost("the lease is over")

    def put(self, seq):
        asked = time.monotonic()
        self.seq = self.nats.store(self.subject, {"holder": self.holder}, {"Nats-Expected-Last-Subject-Sequence": seq, "Nats-TTL": f"{TTL}s"})
        self.asked = asked

    def take(self):
        msg = self.nats.last(self.bucket, self.subject)
        if msg and "KV-Operation" not in msg.headers and "Nats-Marker-Reason" not in msg.headers:
            if json.loads(msg.data).get("holder") != self.holder:  # our own of before a lost connection may be taken again
                return False
        try:
            self.put(int(msg.headers["Nats-Sequence"]) if msg else 0)
        except Conflict:
            return False
        self.fence = self.seq
        return True

    def keep(self):
        if time.monotonic() - self.asked >= TTL / 3:
            try:
                self.put(self.seq)
            except Conflict:
                raise Lost("somebody else has the lease")
            except NoAnswer as e:
                log("lease:", e)
        self.check()

    def let_go(self):
        if self.mine():
            self.nats.store(self.subject, b"", {"Nats-Expected-Last-Subject-Sequence": self.seq, "KV-Operation": "DEL"})
        self.fence = 0
