// One document as the stream makes it: for a key whose document was lost, or is not what the projection wrote.

import type { Projection, ViewDocument } from '../../views/projection.ts';
import type { StoredMessage, StreamReader } from '../ports/streams.ts';

/** The document before `message`, of everything on its subject; undefined: there is none. */
export const recall = async (
  reader: Pick<StreamReader, 'readSubject'>,
  projection: Projection,
  { subject, sequence }: Pick<StoredMessage, 'subject' | 'sequence'>,
): Promise<ViewDocument | undefined> => {
  let document: ViewDocument | undefined;
  for (const message of await reader.readSubject(subject)) {
    if (message.sequence >= sequence) break;
    const step = projection.step(document, message);
    if (step.kind === 'document') ({ document } = step);
  }
  return document;
};
