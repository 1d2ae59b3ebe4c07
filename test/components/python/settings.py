"""What the variables of the channel say, and the log. Every other file reads its settings here."""
import os, re, sys
from datetime import datetime, timezone

env = os.environ.get
PREFIX = env("OPSTREAM_PREFIX") or "opstream"
STREAM, SUBJECT, QUERY, REPLY, QUEUE = (
    env("ENTITY_OF_INTEREST_MESSAGE_" + v, "") for v in ("STREAM", "COMMAND_SUBJECT", "QUERY_SUBJECT", "QUERY_REPLY_SUBJECT", "QUEUE"))
TTL = int(re.match(r"\d+", env("OPSTREAM_LEASE_TTL") or "5")[0])
NOTES_DIR = env("NOTES_DIR") or "notes"
KEPT_DIR = os.path.join(NOTES_DIR, ".kept", QUEUE)


def log(*words):
    print(now(), *words, file=sys.stderr, flush=True)


def now():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
