"""The files: what is made outside, and beside it what is kept of each resource. A file is there whole or not at all."""
import os

from settings import KEPT_DIR, NOTES_DIR


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    part = f"{path}.{os.getpid()}.part"
    with open(part, "w", encoding="utf-8", newline="") as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    os.replace(part, path)


def read(path):
    try:
        with open(path, encoding="utf-8", newline="") as f:
            return f.read()
    except FileNotFoundError:
        return None


def remove(path):
    try:
        os.remove(path)
    except FileNotFoundError:
        pass


def outside(key):
    return os.path.join(NOTES_DIR, key + ".txt")


def kept_file(key):
    return os.path.join(KEPT_DIR, key + ".json")
