#!/usr/bin/env python3
"""A component for opstream without its SDK, written from the section "The channel: components in any language" of the README.

Type `note`: a text file named after the resource, with spec.text in it. Type `tally`: a run takes spec.steps tenths of a second and
then adds one line, with the id of the run, to a file. Files are in NOTES_DIR, and beside them, in `.kept`, what is wanted and how far
the runs are: all that a replica needs that takes over. Python 3.9 and its standard library only."""

import json
import os
import queue
import re
import signal
import sys
import time
import uuid
from datetime import datetime, timezone

from lease import Lease
from nats_client import WRONG_LAST_SEQUENCE, Refused, connect_from_environment

ENV = os.environ
PREFIX = ENV.get('OPSTREAM_PREFIX') or 'opstream'
STREAM = ENV.get('ENTITY_OF_INTEREST_MESSAGE_STREAM') or 'notes-commands'
COMMANDS = ENV.get('ENTITY_OF_INTEREST_MESSAGE_COMMAND_SUBJECT') or 'notes.note'
QUERIES = ENV.get('ENTITY_OF_INTEREST_MESSAGE_QUERY_SUBJECT') or 'notes.note.query'
REPLIES = ENV.get('ENTITY_OF_INTEREST_MESSAGE_QUERY_REPLY_SUBJECT') or 'notes.note.reply'
QUEUE = re.sub('[^A-Za-z0-9_-]', '-', ENV.get('ENTITY_OF_INTEREST_MESSAGE_QUEUE') or COMMANDS)
FOLDER = os.path.abspath(ENV.get('NOTES_DIR') or 'notes')
STATUS_STREAM = PREFIX.upper().replace('-', '_') + '_STATUS'
COMMAND_TYPE, STATUS_TYPE = 'io.opstream.entity.command.v1', 'io.opstream.entity.observed.v1'
TOKEN = re.compile(r'^[a-z0-9]([-a-z0-9]{0,62}[a-z0-9])?$')
FINAL = ('succeeded', 'failed', 'cancelled')
STEP_SECONDS = 0.1
ACK_WAIT_NS = 5_000_000_000


class Deposed(Exception):
    """Another replica leads."""


def now():
    return datetime.now(timezone.utc).isoformat(timespec='milliseconds').replace('+00:00', 'Z')


def log(message, **facts):
    print(json.dumps({'time': now(), 'msg': message, **facts}), flush=True)


def fnv1a(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def write_file(path, text):
    """All of it or nothing, and on the disk when this returns."""
    with open(path + '.new', 'w', encoding='utf-8') as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + '.new', path)


def read_json(path):
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def remove(*paths):
    for path in paths:
        try:
            os.remove(path)
        except FileNotFoundError:
            pass


def read_command(data):
    """The command, or ValueError saying what is wrong with it. It is anybody's bytes, and names become file names."""
    event = json.loads(data)
    if not isinstance(event, dict) or event.get('type') != COMMAND_TYPE or not isinstance(event.get('data'), dict):
        raise ValueError('not a ' + COMMAND_TYPE)
    entity = event['data'].get('entity')
    if event['data'].get('command') not in ('apply', 'delete', 'release') or not isinstance(entity, dict):
        raise ValueError('no command or no entity')
    try:
        manifest, resource = entity['manifest'], entity['manifest']['resource']
        names = (manifest['workspace'], manifest['name'], resource['operator'])
        is_sound = all(isinstance(name, str) and TOKEN.match(name) for name in names)
        is_sound = is_sound and entity['key'] == '%s.%s' % names[:2] and isinstance(entity['uid'], str)
        is_sound = is_sound and all(type(entity[name]) is int and entity[name] > 0 for name in ('sequence', 'generation'))
        is_sound = is_sound and isinstance(resource['spec'], dict) and isinstance(resource['type'], str)
    except (KeyError, TypeError) as problem:
        raise ValueError('entity without %s' % problem) from None
    if not is_sound:
        raise ValueError('entity with a name, number or uid that cannot be')
    return event


class Notes:
    def __init__(self, nats, lease):
        self.nats, self.lease = nats, lease
        self.events = queue.Queue()
        os.makedirs(os.path.join(FOLDER, '.kept'), exist_ok=True)

    def path(self, key, kind):
        return os.path.join(FOLDER, key + '.' + kind) if kind in ('txt', 'tally') else os.path.join(FOLDER, '.kept', key + '.' + kind)

    def kept(self, key):
        return read_json(self.path(key, 'entity'))

    def keep(self, event):
        write_file(self.path(event['data']['entity']['key'], 'entity'), json.dumps(event))

    def all_kept(self):
        names = sorted(os.listdir(os.path.join(FOLDER, '.kept')))
        return [self.kept(name[:-7]) for name in names if name.endswith('.entity')]

    # --- reporting

    def status_subject(self, entity):
        manifest = entity['manifest']
        shard = fnv1a('resource.%s.%s' % (manifest['workspace'], manifest['name'])) % 16
        place = (PREFIX, shard, manifest['resource']['operator'], manifest['workspace'], manifest['name'])
        return '%s.status.%02d.%s.%s.%s' % place

    def last_status(self, entity):
        sequence, message = self.nats.last(STATUS_STREAM, self.status_subject(entity))
        return sequence, json.loads(message.data) if message else None

    def report(self, event, status, reason, run=None, external_id=None, message=''):
        """Stores a status of the entity in `event`, unless the last one says the same."""
        entity = event['data']['entity']
        while self.lease.is_held():
            sequence, last = self.last_status(entity)
            before = last['data'] if last and last['data'].get('uid') == entity['uid'] else {'conditions': []}
            if last and last['data'].get('fence', 0) > self.lease.fence:
                raise Deposed()
            if before.get('observedSequence', 0) > entity['sequence'] or before.get('status') == 'deleted':
                return
            condition = {'type': 'Ready', 'status': 'True' if status == 'active' else 'False', 'reason': reason, 'message': message}
            was = next((one for one in before['conditions'] if one['type'] == 'Ready'), {})
            condition['lastTransitionTime'] = was['lastTransitionTime'] if was.get('status') == condition['status'] else now()
            condition['observedGeneration'] = entity['generation']
            data = {'key': entity['key'], 'operator': entity['manifest']['resource']['operator'], 'uid': entity['uid']}
            data.update(observedGeneration=entity['generation'], observedSequence=entity['sequence'], status=status)
            if run:
                data.update(runtime=run['state'], run={name: value for name, value in run.items() if name != 'steps'})
            data['conditions'] = [condition]
            if external_id:
                data['externalId'] = external_id
            data['properties'] = {}
            if {name: value for name, value in before.items() if name != 'fence'} == data:
                return
            body = self.status_event(event, {**data, 'fence': self.lease.fence})
            headers = {'Nats-Msg-Id': body['id'], 'Nats-Expected-Last-Subject-Sequence': sequence}
            try:
                self.nats.store(self.status_subject(entity), json.dumps(body).encode(), headers)
                return
            except Refused as refused:
                if refused.code not in WRONG_LAST_SEQUENCE:
                    raise
        raise Deposed()

    def status_event(self, command, data):
        body = {'specversion': '1.0', 'id': str(uuid.uuid4()), 'source': '/%s/component/%s' % (PREFIX, data['operator'])}
        body.update(type=STATUS_TYPE, subject='resource.' + data['key'], time=now(), datacontenttype='application/json')
        body['dataschema'] = 'https://opstream.io/schemas/%s.json' % STATUS_TYPE
        body.update(correlationid=command.get('correlationid', command['id']), causationid=command['id'])
        body.update(commandid=command.get('commandid', command['id']), actor=command.get('actor', 'unknown'))
        if 'traceparent' in command:
            body['traceparent'] = command['traceparent']
        return {**body, 'generation': data['observedGeneration'], 'data': data}

    # --- what the outside should be like

    def take(self, event):
        """One command: keep what is newer, make it so. When this returns it can be acknowledged."""
        entity, kept = event['data']['entity'], self.kept(event['data']['entity']['key'])
        if event['data']['command'] == 'release':
            if kept and kept['data']['entity']['uid'] == entity['uid']:
                self.forget(entity['key'])
            return
        known = kept['data']['entity']['sequence'] if kept else 0
        if entity['sequence'] <= known:
            return
        last = self.last_status(entity)[1]
        if last and (last['data']['observedSequence'] > entity['sequence'] or
                     (last['data']['observedSequence'] == entity['sequence'] and last['data']['status'] == 'deleted')):
            return
        self.keep(event)
        self.reconcile(event)

    def forget(self, key):
        remove(self.path(key, 'entity'), self.path(key, 'run'))

    def reconcile(self, event):
        entity = event['data']['entity']
        key, spec = entity['key'], entity['manifest']['resource']['spec']
        last = self.last_status(entity)[1]
        if last and last['data']['uid'] == entity['uid'] and any(c['reason'] == 'Released' for c in last['data']['conditions']):
            self.forget(key)
        elif 'deletionRequestedAt' in entity:
            remove(self.path(key, 'txt'), self.path(key, 'tally'))
            self.report(event, 'deleted', 'Deleted')
            self.forget(key)
        elif entity['manifest']['resource']['type'] == 'note':
            write_file(self.path(key, 'txt'), spec['text'])
            self.report(event, 'active', 'Reconciled', external_id=key + '.txt')
        else:
            self.report(event, 'active', 'Reconciled', self.advance(entity, spec))

    def advance(self, entity, spec):
        """The wanted run, one step further; None when none is wanted."""
        wanted, key = entity.get('run'), entity['key']
        if wanted is None:
            return None
        run = read_json(self.path(key, 'run'))
        if run is None or run['id'] != wanted['id']:
            run = {'id': wanted['id'], 'state': 'inprogress', 'externalId': key + '/' + wanted['id'], 'startedAt': now(), 'steps': 0}
            if 'action' in wanted:
                run['action'] = wanted['action']
        elif run['state'] in FINAL:
            return run
        elif wanted['cancelRequested']:
            run.update(state='cancelled', finishedAt=now())
        elif run['steps'] < spec.get('steps', 3):
            run['steps'] += 1
        else:
            self.count(key, run)
            run.update(state='succeeded', finishedAt=now())
        write_file(self.path(key, 'run'), json.dumps(run))
        return run

    def count(self, key, run):
        """Once for each run, whatever was killed in between."""
        try:
            with open(self.path(key, 'tally'), encoding='utf-8') as file:
                lines = file.read().split()
        except FileNotFoundError:
            lines = []
        if run['id'] not in lines:
            lines = [*([] if run.get('action') == 'reset' else lines), run['id']]
            write_file(self.path(key, 'tally'), '\n'.join(lines) + '\n')

    def is_running(self, event):
        wanted = event['data']['entity'].get('run')
        run = read_json(self.path(event['data']['entity']['key'], 'run')) if wanted else None
        return bool(wanted) and not (run and run['id'] == wanted['id'] and run['state'] in FINAL)

    # --- messages

    def on_command(self, message):
        try:
            event = read_command(message.data)
        except (ValueError, RecursionError) as problem:
            self.set_aside(message, str(problem))
            self.nats.publish(message.reply, b'+ACK')
            return None
        try:
            self.take(event)
            self.nats.publish(message.reply, b'+ACK')
        except (Refused, ConnectionError, TimeoutError, KeyError, TypeError, ValueError) as problem:
            log('command not kept, it comes again', problem=repr(problem), subject=message.subject)
            self.nats.publish(message.reply, b'-NAK {"delay": 500000000}')
        return event['data']['entity']['key']

    def set_aside(self, message, reason):
        tokens = message.reply.split('.')
        sequence = int(tokens[7 if len(tokens) >= 11 else 5])
        letter = {'source': 'component', 'stream': STREAM, 'sequence': sequence, 'subject': message.subject}
        letter.update(code='COMMAND_INVALID', reason=reason, time=now(), isTruncated=False, data=message.data.decode('utf-8', 'replace'))
        log('command set aside', sequence=sequence, reason=reason)
        headers = {'Nats-Msg-Id': 'dead-component-%s-%d' % (STREAM, sequence)}
        self.nats.store(PREFIX + '.dead.component', json.dumps(letter).encode(), headers)

    def on_query(self, message):
        try:
            question = json.loads(message.data)
            key, what = question['key'], question['query']
            workspace, name = key.split('.')
            if not TOKEN.match(workspace) or not TOKEN.match(name) or what not in ('entity', 'status'):
                raise ValueError('expected entity or status of <workspace>.<name>')
            event = self.kept(key)
            answer = {'id': question['id'], 'key': key, 'found': event is not None}
            if event and what == 'entity':
                answer['entity'] = event['data']['entity']
            elif event:
                last = self.last_status(event['data']['entity'])[1]
                answer['found'] = last is not None
                if last:
                    answer['status'] = {name: value for name, value in last['data'].items() if name != 'fence'}
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            error = {'code': 'QUERY_INVALID', 'message': str(problem), 'details': []}
            answer = {'id': '', 'key': '', 'found': False, 'error': error}
        data = json.dumps(answer).encode()
        self.nats.publish(REPLIES, data)
        if message.reply and message.reply.startswith('_INBOX.'):
            self.nats.publish(message.reply, data)

    def ensure_consumer(self):
        config = {'durable_name': QUEUE, 'ack_policy': 'explicit', 'deliver_policy': 'all', 'ack_wait': ACK_WAIT_NS}
        config.update(max_deliver=-1, max_ack_pending=1000, filter_subjects=[COMMANDS])
        self.nats.api('CONSUMER.DURABLE.CREATE.%s.%s' % (STREAM, QUEUE), {'stream_name': STREAM, 'config': config})

    def lead(self, stopping):
        """One term: until the lease is lost or `stopping` is set. ConnectionError: begin again."""
        self.ensure_consumer()
        self.events = queue.Queue()
        events, inbox = self.events, '_INBOX.pull-' + uuid.uuid4().hex
        subscriptions = [
            self.nats.subscribe(inbox, lambda message: events.put(('command', message))),
            self.nats.subscribe(QUERIES, lambda message: events.put(('query', message)), QUEUE),
        ]
        log('leading', fence=self.lease.fence)
        try:
            running = {event['data']['entity']['key'] for event in self.all_kept()}
            asked_at, stepped_at, asked, connection = 0.0, 0.0, 0, self.nats.reconnects
            while self.lease.is_held() and not stopping:
                if self.nats.reconnects != connection:
                    raise ConnectionError('connected anew')
                if asked <= 0 or time.monotonic() - asked_at > 3:
                    asked, asked_at = 100, time.monotonic()
                    body = json.dumps({'batch': asked, 'expires': 2_000_000_000}).encode()
                    self.nats.publish('$JS.API.CONSUMER.MSG.NEXT.%s.%s' % (STREAM, QUEUE), body, inbox)
                if time.monotonic() - stepped_at >= STEP_SECONDS:
                    stepped_at = time.monotonic()
                    for key in sorted(running):
                        event = self.kept(key)
                        if event:
                            self.reconcile(event)
                        if event is None or not self.is_running(event):
                            running.discard(key)
                try:
                    kind, message = events.get(timeout=0.02 if running else 0.2)
                except queue.Empty:
                    continue
                if kind == 'query':
                    self.on_query(message)
                elif message.status:
                    asked = 0  # 404 nothing there, 408 time over, 409 consumer gone: ask again
                    if message.status in (409, 503):
                        self.ensure_consumer()
                elif self.lease.is_held():
                    asked -= 1
                    key = self.on_command(message)
                    if key:
                        running.add(key)
        finally:
            for one in subscriptions:
                self.nats.unsubscribe(one)


def main():
    stopping = []
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.append(True))
    nats = connect_from_environment(PREFIX + '-component-' + QUEUE)
    amount, unit = re.match(r'^([0-9.]+)(ms|s|m)$', ENV.get('OPSTREAM_LEASE_TTL') or '5s').groups()
    seconds = float(amount) * {'ms': 0.001, 's': 1, 'm': 60}[unit]
    lease = Lease(nats, PREFIX, 'component-' + QUEUE.lower().replace('_', '-'), seconds)
    notes = Notes(nats, lease)
    while not stopping:
        try:
            if not nats.wait_until_up(0.5):
                continue
            nats.api('STREAM.INFO.' + STREAM)
            if lease.try_acquire():
                notes.lead(stopping)
        except (Deposed, OSError, Refused) as problem:
            log('begins again', problem=repr(problem))
        finally:
            lease.release()
        if not stopping:
            time.sleep(0.3)
    nats.close()
    log('stopped')


if __name__ == '__main__':
    sys.exit(main())
