"""What the messages of the channel look like: reading commands and queries, and which command is older than what was reported."""
import json, re

from settings import PREFIX

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")


class Unreadable(ValueError):
    """A command or query that nobody can read, ever."""


def is_key(key):
    parts = key.split(".") if isinstance(key, str) else []
    return len(parts) == 2 and all(NAME.fullmatch(p) for p in parts)


def parse(data):
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as e:
        raise Unreadable(f"not JSON: {e}")
    if not isinstance(value, dict):
        raise Unreadable("not a JSON object")
    return value


def parse_command(data):
    """The record to keep: {command, entity, origin} of a command."""
    def need(ok, what):
        if not ok:
            raise Unreadable(what)

    event = parse(data)
    need(event.get("type") == "io.opstream.entity.command.v1", "not a command.v1")
    body = event.get("data")
    need(isinstance(body, dict) and body.get("command") in ("apply", "delete", "release"), "data.command is unknown")
    entity = body.get("entity")
    need(isinstance(entity, dict), "data.entity is missing")
    need(isinstance(entity.get("uid"), str) and entity["uid"], "entity.uid is missing")
    for field in ("generation", "sequence"):
        need(type(entity.get(field)) is int and entity[field] >= 0, f"entity.{field} is not a number")
    manifest = entity.get("manifest")
    need(isinstance(manifest, dict) and isinstance(manifest.get("resource"), dict), "entity.manifest.resource is missing")
    resource = manifest["resource"]
    for what, value in (("workspace", manifest.get("workspace")), ("name", manifest.get("name")), ("operator", resource.get("operator"))):
        need(isinstance(value, str) and NAME.fullmatch(value), f"{what} is not a name")
    need(entity.get("key") == f"{manifest['workspace']}.{manifest['name']}", "entity.key is not <workspace>.<name>")
    need(resource.get("type") in ("note", "tally"), "the type is neither note nor tally")
    need(isinstance(resource.get("spec", {}), dict), "spec is not an object")
    run = entity.get("run")
    need(run is None or isinstance(run, dict) and isinstance(run.get("id"), str) and run["id"], "entity.run has no id")
    origin = {k: event[k] for k in ("correlationid", "commandid", "actor", "traceparent") if k in event}
    return {"command": body["command"], "entity": entity, "origin": {**origin, "causationid": event.get("id")}}


def is_old(entity, last):
    return last is not None and (entity["sequence"] < last["observedSequence"]
                                 or entity["sequence"] == last["observedSequence"] and last["status"] == "deleted")


def is_released(entity, last):
    return last is not None and last["uid"] == entity["uid"] and any(c.get("reason") == "Released" for c in last.get("conditions", []))


def status_subject(entity):
    workspace, name = entity["key"].split(".")
    shard = 0x811C9DC5
    for byte in f"resource.{entity['key']}".encode():
        shard = (shard ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{PREFIX}.status.{shard % 16:02d}.{entity['manifest']['resource']['operator']}.{workspace}.{name}"
