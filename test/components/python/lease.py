"""The lease of the channel's page: one key of the bucket `<prefix>-leases`, written with a time to live and the sequence that it replaces.
The sequence of the acquisition is the fence of everything that is reported under it."""

import json
import os
import socket
import threading
import time

from nats_client import WRONG_LAST_SEQUENCE, Refused


class Lease:
    def __init__(self, nats, prefix, name, seconds):
        self._nats, self._seconds = nats, max(1, round(seconds))
        self._stream = 'KV_%s-leases' % prefix
        self._subject = '$KV.%s-leases.%s' % (prefix, name)
        self._holder = '%s-%d' % (socket.gethostname(), os.getpid())
        self._sequence = 0
        self._renewed = 0.0
        self._gone = threading.Event()
        self._lock = threading.Lock()
        self.fence = 0

    def _write(self, value, replaces, **headers):
        expected = {'Nats-Expected-Last-Subject-Sequence': replaces}
        return self._nats.store(self._subject, value, {**expected, **{k.replace('_', '-'): v for k, v in headers.items()}})

    def try_acquire(self):
        """Whether it is ours now. ConnectionError when the server is away."""
        sequence, message = self._nats.last(self._stream, self._subject)
        is_free = message is None or 'KV-Operation' in message.headers or 'Nats-Marker-Reason' in message.headers
        if not is_free:
            return False
        asked = time.monotonic()
        try:
            value = json.dumps({'holder': self._holder}).encode()
            self._sequence = self._write(value, sequence, Nats_TTL='%ds' % self._seconds)
        except Refused as refused:
            if refused.code in WRONG_LAST_SEQUENCE:
                return False
            raise
        self.fence, self._renewed = self._sequence, asked
        self._gone.clear()
        threading.Thread(target=self._renew, daemon=True).start()
        return True

    def is_held(self):
        """Stops believing before the server forgets."""
        return not self._gone.is_set() and time.monotonic() - self._renewed < 0.8 * self._seconds

    def _renew(self):
        while not self._gone.wait(self._seconds / 3) and self.is_held():
            asked = time.monotonic()
            try:
                value = json.dumps({'holder': self._holder, 'token': self.fence}).encode()
                with self._lock:
                    if self._gone.is_set():
                        return
                    self._sequence = self._write(value, self._sequence, Nats_TTL='%ds' % self._seconds)
                self._renewed = asked
            except Refused:
                self._gone.set()
            except OSError:
                pass
        self._gone.set()

    def release(self):
        with self._lock:
            was_held = self.is_held()
            self._gone.set()
            try:
                if was_held:
                    self._write(b'', self._sequence, KV_Operation='DEL')
            except (OSError, Refused):
                pass
