"""A NATS client of the size that a component needs, with nothing but the standard library: publish with headers, subscribe, request,
and the three JetStream requests that the channel's page asks for. It connects again by itself and subscribes anew.

The reader thread calls the callbacks of subscriptions; `request` and `publish` are called from other threads."""

import json
import os
import queue
import socket
import threading
import time
import uuid
from urllib.parse import unquote, urlparse


class Message:
    def __init__(self, subject, reply, headers, status, data):
        self.subject, self.reply, self.headers, self.status, self.data = subject, reply, headers, status, data


class Refused(Exception):
    """JetStream said no; `code` is its err_code."""

    def __init__(self, error):
        super().__init__(error.get('description', 'refused'))
        self.code = error.get('err_code', 0)


WRONG_LAST_SEQUENCE = (10071, 10164)


def parse_headers(block):
    """`NATS/1.0 404 Not Found` and `Name: value` lines: the status number (0 for none) and a dictionary."""
    first, *lines = block.decode('utf-8', 'replace').split('\r\n')
    words = first.split(' ')
    headers = {}
    for line in lines:
        name, colon, value = line.partition(':')
        if colon:
            headers.setdefault(name.strip(), value.strip())
    return (int(words[1]) if len(words) > 1 and words[1].isdigit() else 0), headers


class NatsClient:
    def __init__(self, url, user=None, password=None, token=None, name='component'):
        self._servers = [one if '://' in one else 'nats://' + one for one in url.split(',')]
        self._login = {'user': user, 'pass': password, 'auth_token': token}
        self._name = name
        self._socket = None
        self._write_lock = threading.Lock()
        self._up = threading.Event()
        self._closed = False
        self._subscriptions = {}
        self._next_sid = 1
        self._waiting = {}
        self._inbox = '_INBOX.' + uuid.uuid4().hex
        self.reconnects = 0
        self.subscribe(self._inbox + '.*', self._on_reply)
        threading.Thread(target=self._run, daemon=True).start()

    # --- the connection

    def _dial(self, server):
        address = urlparse(server)
        connection = socket.create_connection((address.hostname, address.port or 4222), timeout=5)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = connection.makefile('rb')
        if not stream.readline().startswith(b'INFO '):
            raise OSError('no NATS server')
        login = dict(self._login)
        if address.username:
            login['user'], login['pass'] = unquote(address.username), unquote(address.password or '')
        options = {'verbose': False, 'pedantic': False, 'headers': True, 'no_responders': True, 'protocol': 1}
        options.update(lang='python', version='0', name=self._name, **{k: v for k, v in login.items() if v})
        connection.sendall(b'CONNECT ' + json.dumps(options).encode() + b'\r\nPING\r\n')
        answer = stream.readline()
        while not answer.startswith(b'PONG'):
            if not answer or answer.startswith(b'-ERR'):
                raise OSError('refused: %r' % answer)
            answer = stream.readline()
        connection.settimeout(None)
        return connection, stream

    def _run(self):
        pause, attempt = 0.1, 0
        while not self._closed:
            try:
                connection, stream = self._dial(self._servers[attempt % len(self._servers)])
            except OSError:
                attempt += 1
                time.sleep(pause)
                pause = min(2.0, pause * 2)
                continue
            pause = 0.1
            with self._write_lock:
                self._socket = connection
                for sid, (subject, group, _callback) in self._subscriptions.items():
                    connection.sendall(('SUB %s %s %d\r\n' % (subject, group, sid)).encode())
            self._up.set()
            try:
                self._read(stream)
            except (OSError, ValueError):
                pass
            self._up.clear()
            self.reconnects += 1
            with self._write_lock:
                self._socket = None
            connection.close()
            # Whoever waits for an answer that went with the connection asks again.
            for waiting in list(self._waiting.values()):
                waiting.put(None)

    def _read(self, stream):
        while True:
            line = stream.readline()
            if not line:
                return
            words = line.split()
            if words[:1] == [b'PING']:
                self._send(b'PONG\r\n')
            elif words[:1] in ([b'MSG'], [b'HMSG']):
                has_headers = words[0] == b'HMSG'
                total = int(words[-1])
                header_size = int(words[-2]) if has_headers else 0
                has_reply = len(words) == (6 if has_headers else 5)
                body = stream.read(total + 2)
                if len(body) < total + 2:
                    return
                status, headers = parse_headers(body[:header_size]) if has_headers else (0, {})
                reply = words[3].decode() if has_reply else None
                subscription = self._subscriptions.get(int(words[2]))
                if subscription:
                    subscription[2](Message(words[1].decode(), reply, headers, status, body[header_size:total]))

    def _send(self, data):
        with self._write_lock:
            if self._socket is None:
                raise ConnectionError('not connected')
            self._socket.sendall(data)

    # --- what components use

    def wait_until_up(self, seconds):
        return self._up.wait(seconds)

    def close(self):
        self._closed = True
        with self._write_lock:
            if self._socket is not None:
                self._socket.close()

    def subscribe(self, subject, callback, group=''):
        with self._write_lock:
            sid, self._next_sid = self._next_sid, self._next_sid + 1
            self._subscriptions[sid] = (subject, group, callback)
            if self._socket is not None:
                self._socket.sendall(('SUB %s %s %d\r\n' % (subject, group, sid)).encode())
        return sid

    def unsubscribe(self, sid):
        self._subscriptions.pop(sid, None)
        try:
            self._send(b'UNSUB %d\r\n' % sid)
        except OSError:
            pass

    def publish(self, subject, data=b'', reply='', headers=None):
        if headers:
            block = ('NATS/1.0\r\n' + ''.join('%s: %s\r\n' % pair for pair in headers.items()) + '\r\n').encode()
            head = 'HPUB %s %s %d %d\r\n' % (subject, reply, len(block), len(block) + len(data))
            self._send(head.encode() + block + data + b'\r\n')
        else:
            self._send(('PUB %s %s %d\r\n' % (subject, reply, len(data))).encode() + data + b'\r\n')

    def _on_reply(self, message):
        waiting = self._waiting.get(message.subject.rsplit('.', 1)[1])
        if waiting:
            waiting.put(message)

    def request(self, subject, data=b'', headers=None, timeout=5.0):
        token, waiting = uuid.uuid4().hex, queue.Queue()
        self._waiting[token] = waiting
        try:
            self.publish(subject, data, '%s.%s' % (self._inbox, token), headers)
            message = waiting.get(timeout=timeout)
        except queue.Empty:
            raise ConnectionError('no answer on ' + subject) from None
        finally:
            del self._waiting[token]
        if message is None or message.status == 503:
            raise ConnectionError('nobody answers on ' + subject)
        return message

    def api(self, subject, body=None):
        """A request of the JetStream API. Refused: it said no."""
        reply = json.loads(self.request('$JS.API.' + subject, json.dumps(body).encode() if body is not None else b'').data)
        if 'error' in reply:
            raise Refused(reply['error'])
        return reply

    def store(self, subject, data, headers):
        """Publishes into a stream; the sequence when it is stored. Refused: e.g. WRONG_LAST_SEQUENCE."""
        reply = json.loads(self.request(subject, data, headers).data)
        if 'error' in reply:
            raise Refused(reply['error'])
        return reply['seq']

    def last(self, stream, subject):
        """The last message of a subject in a stream: its sequence and the message; 0 and None when there is none."""
        message = self.request('$JS.API.DIRECT.GET.%s.%s' % (stream, subject))
        return (0, None) if message.status == 404 else (int(message.headers['Nats-Sequence']), message)


def connect_from_environment(name):
    get = os.environ.get
    url = get('OPSTREAM_NATS_URL') or get('NATS_URL') or 'nats://127.0.0.1:4222'
    return NatsClient(url, get('OPSTREAM_NATS_USER'), get('OPSTREAM_NATS_PASSWORD'), get('OPSTREAM_NATS_TOKEN'), name)
