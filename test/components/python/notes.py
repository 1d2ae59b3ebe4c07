#!/usr/bin/env python3
"""The component of notes-operator: notes are text files, tallies are files that each run adds a line to. Python 3.9+, standard library only.
Written from the section "The channel: components in any language" of the README alone.

One thread does all the work (lease, commands, queries, runs), one reads the connection, one serves /readyz. What is wanted is kept in
NOTES_DIR/.kept/<queue>/<key>.json, on a disk that all replicas share; a command is acknowledged when it is there."""
import json, os, queue, signal, threading, time, uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from files import kept_file, outside, read, remove, write
from lease import Lease
from making import FINAL, Hopeless, Making
from messages import Unreadable, is_key, is_old, is_released, parse, parse_command, status_subject
from nats_client import Conflict, Lost, Nats, NoAnswer
from settings import KEPT_DIR, PREFIX, QUERY, QUEUE, REPLY, STREAM, SUBJECT, TTL, env, log, now

DEAD_BYTES = 64 * 1024


class Component:
    def __init__(self):
        self.stop, self.ready = threading.Event(), False
        self.nats, self.lease = None, Lease()
        self.kept, self.due, self.tries, self.gone = {}, {}, {}, {}  # by key; gone: uid -> sequence of its end
        self.making = Making(self.lease, self.save, lambda key, moment: self.due.update({key: moment}))

    def run(self):
        while not self.stop.is_set():
            try:
                self.nats = self.lease.nats = Nats((env("OPSTREAM_NATS_URL") or "nats://127.0.0.1:4222").split(","))
                self.nats.send(f"SUB {QUERY} {QUEUE} {Nats.QUERIES}\r\n".encode() if QUERY else b"")
                self.serve()
                self.lease.let_go()
            except (Lost, NoAnswer, Conflict) as e:
                log("beginning again:", e)
            self.ready, self.lease.fence = False, 0
            if self.nats:
                self.nats.close()
            self.stop.wait(0.3)

    def serve(self):
        next_try = 0.0
        while not self.stop.is_set():
            if self.lease.fence:
                self.lease.keep()
                if time.monotonic() >= self.pulled + 3:
                    self.pull()
            elif time.monotonic() >= next_try:
                next_try = time.monotonic() + min(1.0, TTL / 3)
                self.ready = self.stand_by()
            moment = time.monotonic()
            wait = min([0.1] + [at - moment for at in self.due.values()]) if self.lease.fence else 0.1
            try:
                msg = self.nats.events.get(timeout=max(wait, 0)) if wait > 0 else self.nats.events.get_nowait()
                if msg is None:
                    raise Lost("connection closed")
                self.receive(msg)
            except queue.Empty:
                pass
            if self.lease.fence:
                for key in [k for k, at in self.due.items() if at <= time.monotonic()]:
                    self.lease.keep()
                    self.reconcile(key)

    def stand_by(self):
        """Begins to work when the lease is free; whether we are of use."""
        try:
            if self.nats.api(f"$JS.API.STREAM.INFO.{STREAM}") is None:
                return False
            if self.lease.take():
                log("working, fence", self.lease.fence)
                config = {"durable_name": QUEUE, "ack_policy": "explicit", "deliver_policy": "all", "max_deliver": -1,
                          "ack_wait": 5_000_000_000, "filter_subjects": [SUBJECT]}
                if self.nats.api(f"$JS.API.CONSUMER.DURABLE.CREATE.{STREAM}.{QUEUE}", {"stream_name": STREAM, "config": config}) is None:
                    raise Lost("no stream")
                os.makedirs(KEPT_DIR, exist_ok=True)
                names = [f[:-5] for f in os.listdir(KEPT_DIR) if f.endswith(".json")]
                self.kept = {key: json.loads(read(kept_file(key))) for key in names}
                self.due, self.tries = {key: 0.0 for key in names}, {}
                self.pull()
            return True
        except NoAnswer as e:
            if self.lease.fence:
                raise
            log("waiting:", e)
            return False

    def pull(self):
        self.pulled, self.awaited = time.monotonic(), 100
        self.nats.publish(f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{QUEUE}", {"batch": 100, "expires": 2_000_000_000}, self.nats.inbox + "-pull")

    def receive(self, msg):
        if msg.sid == Nats.QUERIES:
            self.answer(msg)
        elif not self.lease.fence:
            pass  # it comes again, to whoever works then
        elif msg.status in (404, 408):
            self.pull()
        elif msg.status == 100:
            pass
        elif msg.status:
            raise Lost(f"cannot pull: {msg.status}")
        else:
            self.awaited -= 1
            try:
                self.take(msg)
            except NoAnswer as e:
                log("later:", e)
                self.nats.publish(msg.reply, b'-NAK {"delay": 1000000000}')
            if self.awaited == 0:
                self.pull()

    # -- commands

    def take(self, msg):
        try:
            record = parse_command(msg.data)
        except Unreadable as e:
            self.bury(msg, str(e))
        else:
            self.decide(record)
        self.lease.check()
        self.nats.publish(msg.reply, b"+ACK")

    def bury(self, msg, reason):
        token = msg.reply.split(".")
        sequence = int(token[7 if len(token) >= 11 else 5])
        letter = {"source": "component", "stream": STREAM, "sequence": sequence, "subject": msg.subject, "code": "COMMAND_INVALID", "reason": reason,
                  "time": now(), "isTruncated": len(msg.data) > DEAD_BYTES, "data": msg.data[:DEAD_BYTES].decode("utf-8", "replace")}
        self.nats.store(f"{PREFIX}.dead.component", letter, {"Nats-Msg-Id": f"dead-component-{STREAM}-{sequence}"})
        log("dead letter:", reason)

    def decide(self, record):
        """Keeps what the command wants, unless it is old news."""
        entity, key = record["entity"], record["entity"]["key"]
        kept = self.kept.get(key)
        if entity["sequence"] <= self.gone.get(entity["uid"], -1) or kept and entity["sequence"] < kept["entity"]["sequence"]:
            return
        if not kept:
            _, last = self.last_status(entity)
            if is_old(entity, last) or is_released(entity, last):
                return
        if record["command"] == "release":
            self.gone[entity["uid"]] = entity["sequence"]
            if kept and kept["entity"]["uid"] == entity["uid"]:
                self.drop(key)
            return
        self.lease.check()
        if kept and kept["entity"]["uid"] == entity["uid"]:
            record["run"] = kept.get("run")
        elif kept:
            remove(outside(key))  # the thing that had the name before
        self.kept[key] = record
        self.save(record)
        self.due[key], self.tries[key] = 0.0, 0

    def save(self, record):
        self.lease.check()
        write(kept_file(record["entity"]["key"]), json.dumps(record))

    def drop(self, key):
        self.lease.check()
        remove(kept_file(key))
        for place in (self.kept, self.due, self.tries):
            place.pop(key, None)

    # -- work and reports

    def last_status(self, entity):
        msg = self.nats.last(f"{PREFIX.upper()}_STATUS", status_subject(entity))
        try:
            return (int(msg.headers["Nats-Sequence"]), json.loads(msg.data)["data"]) if msg else (0, None)
        except (ValueError, KeyError):  # a marker of a removed status
            return int(msg.headers["Nats-Sequence"]), None

    def reconcile(self, key):
        record = self.kept[key]
        del self.due[key]
        try:
            self.attempt(key, record, record["entity"])
        except Conflict:
            self.due[key] = time.monotonic() + 0.05
        except NoAnswer as e:
            log(key, e)
            self.due[key] = time.monotonic() + 0.5

    def attempt(self, key, record, entity):
        seq, last = self.last_status(entity)
        if last and last.get("fence", 0) > self.lease.fence:
            raise Lost("a later leader has reported")
        if is_released(entity, last) or last and last["status"] == "deleted" and is_old(entity, last):
            return self.drop(key)
        if is_old(entity, last):
            return
        if last and last["uid"] != entity["uid"]:
            last = None
        status, problem, stalled = "active", None, False
        self.lease.check()
        try:
            if entity.get("suspended"):  # nothing is changed outside; what was last said of it stays
                status = "deleting" if record["command"] == "delete" else last["status"] if last else "pending"
            elif record["command"] == "delete":
                remove(outside(key))
                status = "deleted"
                if record.get("run") and record["run"]["state"] not in FINAL:
                    record["run"].update(state="cancelled", finishedAt=now())
            else:
                self.making.make(record, entity, last)
            self.tries[key] = 0
        except Hopeless as e:
            status, problem, stalled = "error", ("SpecInvalid", str(e)), True
        except OSError as e:
            log(key, e)
            status, problem = last["status"] if last else "pending", ("FileFailed", str(e))
            self.tries[key] = self.tries.get(key, 0) + 1
            self.due[key] = time.monotonic() + min(30, 0.25 * 2 ** self.tries[key])
        self.report(record, entity, seq, last, status, problem, stalled)
        if status == "deleted":
            self.gone[entity["uid"]] = entity["sequence"]
            self.drop(key)

    def report(self, record, entity, seq, last, status, problem, stalled):
        reason, message = problem or ("Deleted" if status == "deleted" else "Reconciled", "")
        states = [("Ready", "True" if status == "active" and not problem else "False")]
        if entity.get("suspended"):
            states.append(("Suspended", "True"))
        if problem:
            states.append(("Stalled" if stalled else "Reconciling", "True"))
        since = {(c["type"], c["status"]): c["lastTransitionTime"] for c in (last or {}).get("conditions", [])}
        data = {"key": entity["key"], "operator": entity["manifest"]["resource"]["operator"], "uid": entity["uid"],
                "observedGeneration": entity["generation"], "observedSequence": entity["sequence"], "status": status,
                "conditions": [{"type": t, "status": s, "reason": reason, "message": message, "lastTransitionTime": since.get((t, s)) or now(),
                                "observedGeneration": entity["generation"]} for t, s in states], "properties": {}}
        run = record.get("run")
        if run:
            data["runtime"] = run["state"]
            data["run"] = {k: run[k] for k in ("id", "state", "action", "externalId", "startedAt", "finishedAt", "message") if k in run}
        if last and {k: v for k, v in last.items() if k != "fence"} == data:
            return
        self.lease.check()
        event_id = str(uuid.uuid4())
        event = {"specversion": "1.0", "id": event_id, "source": f"/{PREFIX}/component/{data['operator']}", "type": "io.opstream.entity.observed.v1",
                 "subject": "resource." + entity["key"], "time": now(), "datacontenttype": "application/json",
                 "dataschema": "https://opstream.io/schemas/io.opstream.entity.observed.v1.json", **record["origin"],
                 "generation": entity["generation"], "data": {**data, "fence": self.lease.fence}}
        self.nats.store(status_subject(entity), event, {"Nats-Msg-Id": event_id, "Nats-Expected-Last-Subject-Sequence": seq})

    # -- queries; every replica answers, from the disk and the last status

    def answer(self, msg):
        answer = {"found": False}
        try:
            query = parse(msg.data)
            answer.update({k: query[k] for k in ("id", "key") if isinstance(query.get(k), str)})
            if "id" not in answer or query.get("query") not in ("entity", "status") or not is_key(query.get("key")):
                raise Unreadable("id, query or key is missing or wrong")
            text = read(kept_file(query["key"]))
            entity = text and json.loads(text)["entity"]
            if entity and query["query"] == "entity":
                answer.update(found=True, entity=entity)
            elif entity:
                _, last = self.last_status(entity)
                if last and last["uid"] == entity["uid"]:
                    last.pop("fence", None)
                    answer.update(found=True, status=last)
        except Unreadable as e:
            answer["error"] = {"code": "QUERY_INVALID", "message": str(e), "details": []}
        except NoAnswer as e:
            log("query:", e)
        for subject in [REPLY] + [msg.reply] * msg.reply.startswith("_INBOX."):
            if subject:
                self.nats.publish(subject, answer)


def main():
    component = Component()

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(404 if self.path != "/readyz" else 200 if component.ready else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda *_: component.stop.set())
    if env("METRIC_PORT"):
        server = ThreadingHTTPServer(("", int(env("METRIC_PORT"))), Ready)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
    component.run()


if __name__ == "__main__":
    main()
