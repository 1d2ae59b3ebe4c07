// A projection: how the messages of one stream become the documents of one bucket. Pure; engine/projection/projection-loop.ts runs it.

import type { OwnEvents, StoredFact } from '../messages/own-events.ts';
import type { Names } from '../messages/subjects.ts';

/** A view document, or undefined for a key that must not exist. `sequence` is that of the last message folded into it. */
export type ViewDocument = { readonly sequence: number };

export type ViewMessage = StoredFact;

export type Step =
  /** Not this projection's business. */
  | { readonly kind: 'skip' }
  /** The document after this message. */
  | { readonly kind: 'document'; readonly document: ViewDocument | undefined }
  /** The message is none of ours, or fits nothing; it is set aside with the reason and changes nothing. */
  | { readonly kind: 'poison'; readonly reason: string }
  /** It changes a thing whose document is not there: the document was lost, or the thing never was. Only the stream can tell. */
  | { readonly kind: 'orphan' };

export type Projection = {
  readonly name: string;
  readonly stream: string;
  readonly bucket: string;
  readonly filters: readonly string[];
  /** Matches every key that `keyOf` can give. */
  readonly keyFilter: string;
  /** The key that a message of `subject` changes; undefined: none here. */
  keyOf(subject: string): string | undefined;
  /** Of the projection that reads all of its stream: why a message with this subject is set aside, whatever it holds. */
  readonly strangeSubject?: (subject: string) => string | undefined;
  /** It reads all of a stream that keeps everything: a sequence that is missing is a loss. */
  readonly isGapless?: true;
  /** Folds one message. `previous` is the document of its key. Never throws on a message that decodes. */
  step(previous: ViewDocument | undefined, message: ViewMessage): Step;
};

/** `own` decides which messages count. Default: that of `names`. */
export type ProjectionOf = (names: Names, own?: OwnEvents) => Projection;
