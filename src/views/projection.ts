// A projection: how the messages of one stream become the documents of one bucket. Pure; engine/projection-loop.ts runs it.

import type { Names } from '../messages/subjects.ts';

/** A view document, or undefined for a key that must not exist. `sequence` is that of the last message folded into it. */
export type ViewDocument = { readonly sequence: number };

export type ViewMessage = { readonly sequence: number; readonly subject: string; readonly data: Uint8Array };

export type Step =
  /** Not this projection's business. */
  | { readonly kind: 'skip' }
  /** The document after this message. */
  | { readonly kind: 'document'; readonly document: ViewDocument | undefined }
  /** The message cannot be read; it is set aside with the reason and changes nothing. */
  | { readonly kind: 'poison'; readonly reason: string };

export type Projection = {
  readonly name: string;
  readonly stream: string;
  readonly bucket: string;
  readonly filters: readonly string[];
  /** Matches every key that `keyOf` can give. */
  readonly keyFilter: string;
  /** The key that a message of `subject` changes; undefined: none here. */
  keyOf(subject: string): string | undefined;
  /** Folds one message. `previous` is the document of its key. Never throws on a message that decodes. */
  step(previous: ViewDocument | undefined, message: ViewMessage): Step;
};

export type ProjectionOf = (names: Names) => Projection;
