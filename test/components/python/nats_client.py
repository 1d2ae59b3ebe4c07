"""A NATS client of the size that a component needs: publish with headers, request, pull, and the requests of JetStream that the page
asks for. One connection; when that is gone, everybody who waits gets `Lost` and makes a new one."""
import json, queue, socket, threading, uuid
from urllib.parse import unquote, urlsplit

from settings import QUEUE, env, log


class Lost(Exception):
    """The connection or the lease is gone: begin again."""


class NoAnswer(Exception):
    """Not known whether it happened: look again later."""


class Conflict(Exception):
    """Somebody else has stored there."""


class Msg:
    def __init__(self, sid, subject, reply, head, data):
        self.sid, self.subject, self.reply, self.data = sid, subject, reply, data
        first, *lines = head.decode("utf-8", "replace").split("\r\n")
        self.status = int(first.split()[1]) if len(first.split()) > 1 else None
        self.headers = dict((part.strip() for part in line.split(":", 1)) for line in lines if ":" in line)


class Nats:
    REQUESTS, PULLS, QUERIES = "1", "2", "3"

    def __init__(self, urls):
        self.inbox, self.waiting, self.count = "_INBOX." + uuid.uuid4().hex, {}, 0
        self.events, self.lock, self.closed = queue.Queue(), threading.Lock(), False
        for i, url in enumerate(urls):
            try:
                at = urlsplit(url if "//" in url else "nats://" + url)
                self.sock = socket.create_connection((at.hostname, at.port or 4222), 3)
                break
            except OSError as e:
                if i == len(urls) - 1:
                    raise Lost(f"cannot connect: {e}")
        try:
            self.file = self.sock.makefile("rb")
            self.file.readline()  # INFO
            options = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True, "lang": "python", "version": "1", "protocol": 1,
                       "name": QUEUE, "user": env("OPSTREAM_NATS_USER") or unquote(at.username or ""),
                       "pass": env("OPSTREAM_NATS_PASSWORD") or unquote(at.password or ""), "auth_token": env("OPSTREAM_NATS_TOKEN") or ""}
            self.send(b"CONNECT %s\r\nPING\r\n" % json.dumps({k: v for k, v in options.items() if v != ""}).encode())
            line = self.file.readline()
            if not line.startswith(b"PONG"):
                raise Lost(f"refused: {line!r}")
            self.sock.settimeout(None)
        except (OSError, Lost) as e:
            self.sock.close()
            raise Lost(str(e))
        threading.Thread(target=self.read, daemon=True).start()
        self.send(f"SUB {self.inbox}.* {self.REQUESTS}\r\nSUB {self.inbox}-pull {self.PULLS}\r\n".encode())

    def send(self, data):
        try:
            with self.lock:
                self.sock.sendall(data)
        except OSError as e:
            self.close()
            raise Lost(str(e))

    def close(self):
        self.closed = True
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()

    def read(self):
        try:
            while True:
                line = self.file.readline()
                op, *args = line.decode().split()
                if op == "PING":
                    self.send(b"PONG\r\n")
                elif op in ("MSG", "HMSG"):
                    size, skip = int(args[-1]), int(args[-2]) if op == "HMSG" else 0
                    body = self.file.read(size + 2)[:size]
                    plain = args[:-2] if op == "HMSG" else args[:-1]
                    msg = Msg(plain[1], plain[0], plain[2] if len(plain) > 2 else "", body[:skip], body[skip:])
                    if msg.sid == self.REQUESTS:
                        box = self.waiting.get(msg.subject)
                        if box:
                            box.put(msg)
                    else:
                        self.events.put(msg)
                elif op == "-ERR":
                    log("nats:", line.strip().decode())
        except (OSError, ValueError, Lost):
            pass
        self.close()
        self.events.put(None)
        for box in list(self.waiting.values()):
            box.put(None)

    def publish(self, subject, data=b"", reply="", headers=None):
        if isinstance(data, dict):
            data = json.dumps(data, ensure_ascii=False).encode()
        head = b""
        if headers:
            head = ("NATS/1.0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n").encode()
        sizes = f"{len(head)} {len(head) + len(data)}" if head else f"{len(data)}"
        self.send(f"{'HPUB' if head else 'PUB'} {subject} {reply} {sizes}\r\n".encode() + head + data + b"\r\n")

    def request(self, subject, data=b"", headers=None, timeout=1.0):
        self.count += 1
        reply, box = f"{self.inbox}.{self.count}", queue.Queue()
        self.waiting[reply] = box
        try:
            if self.closed:
                raise Lost("connection closed")
            self.publish(subject, data, reply, headers)
            msg = box.get(timeout=timeout)
        except queue.Empty:
            raise NoAnswer(f"no answer on {subject}")
        finally:
            del self.waiting[reply]
        if msg is None:
            raise Lost("connection closed")
        if msg.status == 503:
            raise NoAnswer(f"nobody listens on {subject}")
        return msg

    def api(self, subject, data=b"", headers=None):
        """An answer of JetStream as an object; None when what was asked for is not there."""
        answer = json.loads(self.request(subject, data, headers).data)
        error = answer.get("error")
        if error and error.get("err_code") in (10071, 10164):
            raise Conflict(subject)
        if error and error.get("code") != 404:
            raise NoAnswer(f"{subject}: {error}")
        return None if error else answer

    def store(self, subject, data, headers):
        """Stores a message in the stream of the subject; its sequence."""
        answer = self.api(subject, data, headers)
        if answer is None or "seq" not in answer:
            raise NoAnswer(f"{subject}: {answer}")
        return answer["seq"]

    def last(self, stream, subject):
        msg = self.request(f"$JS.API.DIRECT.GET.{stream}.{subject}")
        if msg.status not in (None, 404):
            raise NoAnswer(f"{subject}: {msg.status}")
        return None if msg.status else msg
