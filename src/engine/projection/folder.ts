// Folds messages into the documents of one projection, in a document cache. After a crash between documents and checkpoint, messages come again
// and are recognised by the document's sequence. Called by the projection loop.

import type { Projection, Step } from '../../views/projection.ts';
import type { Log } from '../ports/log.ts';
import type { StoredMessage, StreamReader } from '../ports/streams.ts';
import type { DocumentCache } from './document-cache.ts';
import { recall } from './recall.ts';

export type FolderOptions = {
  readonly projection: Projection;
  readonly cache: Pick<DocumentCache, 'get' | 'load' | 'put'>;
  /** See ProjectionLoopOptions. */
  readonly history?: Pick<StreamReader, 'readSubject'> | undefined;
  readonly log: Log;
  /** Keeps a message that was set aside, with the reason. */
  deadLetter(message: StoredMessage, reason: string): Promise<void>;
};

export const createFolder = ({ projection, cache, history, log, deadLetter }: FolderOptions) => {
  /** Why the message is set aside, if so. */
  const take = (key: string, step: Step | undefined): string | undefined => {
    if (step?.kind === 'document') cache.put(key, step.document);
    return step?.kind === 'poison' ? step.reason : undefined;
  };

  /** Of a document that ought to be there: somebody removed it, or made it unreadable. Its events make it anew. */
  const foldOrphan = async (message: StoredMessage, key: string): Promise<string | undefined> => {
    const lost = history === undefined ? undefined : await recall(history, projection, message);
    if (lost === undefined) return undefined;
    log.warn({ key, sequence: message.sequence }, 'document was lost and is made anew of its events');
    return take(key, projection.step(lost, message));
  };

  /** Undefined: the document has that message already. */
  const stepOf = (message: StoredMessage, key: string): Step | undefined => {
    const previous = cache.get(key);
    if (previous !== undefined && previous.sequence >= message.sequence) return undefined;
    return projection.step(previous, message);
  };

  const setAside = async (message: StoredMessage, reason: string): Promise<void> => {
    const { sequence, subject } = message;
    log.error({ stream: projection.stream, sequence, subject, reason }, 'message set aside');
    await deadLetter(message, reason);
  };

  return async (batch: readonly StoredMessage[]): Promise<void> => {
    const keys = batch.map(({ subject }) => projection.keyOf(subject));
    await cache.load(keys);
    for (const [index, message] of batch.entries()) {
      const key = keys[index];
      const step = key === undefined ? undefined : stepOf(message, key);
      // Written out: to wait for each message would cost a promise each.
      const problem =
        key === undefined
          ? projection.strangeSubject?.(message.subject)
          : step?.kind === 'orphan'
            ? await foldOrphan(message, key)
            : take(key, step);
      if (problem !== undefined) await setAside(message, problem);
    }
  };
};
