"""Makes the outside as an entity wants it: a note is a text, a tally gets a line from each run. All of it may be done twice."""
import time

from files import outside, read, write
from settings import now

FINAL = ("succeeded", "failed", "cancelled")


class Hopeless(Exception):
    """What is wanted cannot be made without a change."""


class Making:
    """`save(record)` keeps a record under the lease; `again(key, moment)` has the resource looked at again then (time.monotonic)."""

    def __init__(self, lease, save, again):
        self.lease, self.save, self.again = lease, save, again

    def make(self, record, entity, last):
        """Makes the outside as the entity wants it. Doing it twice does nothing."""
        path, spec = outside(entity["key"]), entity["manifest"]["resource"].get("spec", {})
        if entity["manifest"]["resource"]["type"] == "note":
            if not isinstance(spec.get("text"), str):
                raise Hopeless("spec.text is not a text")
            if read(path) != spec["text"]:
                write(path, spec["text"])
            return
        if type(spec.get("steps", 1)) is not int or spec.get("steps", 1) < 1:
            raise Hopeless("spec.steps is not a number above 0")
        if read(path) is None:
            write(path, "")
        self.advance(record, entity, last, path, spec.get("steps", 1) / 10)

    def advance(self, record, entity, last, path, seconds):
        """A run is a moment on the disk at which it is over, so it survives whoever started it."""
        wanted, run = entity.get("run"), record.get("run")
        if not wanted:
            record["run"] = None
            return
        if not run or run["id"] != wanted["id"]:
            run = {"id": wanted["id"], "state": "pending", "externalId": f"{entity['key']}/{wanted['id']}"}
            if wanted.get("action"):
                run["action"] = wanted["action"]
            reported = last and last.get("run")
            if reported and reported["id"] == wanted["id"] and reported["state"] != "pending":  # started, but the disk does not know
                run = {**reported, "until": time.time() + seconds, "isReset": True}
            record["run"] = run
        keep = (wanted.get("parameters") or {}).get("to", 0)
        before = dict(run)
        if run["state"] in FINAL:
            pass
        elif run["id"] in read(path).split("\n"):
            run.update(state="succeeded", finishedAt=now())
        elif wanted.get("cancelRequested"):
            run.update(state="cancelled", finishedAt=now())
        elif wanted.get("action", "reset") != "reset" or type(keep) is not int:
            run.update(state="failed", finishedAt=now(), message="unknown action or parameter")
        else:
            if run["state"] == "pending":
                run.update(state="inprogress", startedAt=now(), until=time.time() + seconds)
                self.save(record)
            if wanted.get("action") and not run.get("isReset"):
                write(path, "".join(read(path).splitlines(True)[:max(keep, 0)]))
                run["isReset"] = True
            if time.time() >= run["until"]:
                self.lease.check()
                write(path, read(path) + run["id"] + "\n")
                run.update(state="succeeded", finishedAt=now())
            else:
                self.again(entity["key"], time.monotonic() + run["until"] - time.time())
        if run != before:
            self.save(record)
