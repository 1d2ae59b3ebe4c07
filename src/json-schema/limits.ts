// How much of a manifest is read. Everything that parses or checks what somebody sent takes its bounds from here, so that no
// input costs more than a second or two of one core.

/** Bytes of one command, all documents together. */
export const MAX_COMMAND_BYTES = 1024 * 1024;
/** Bytes of one document. Larger ones would not fit into an event beside its envelope. */
export const MAX_DOCUMENT_BYTES = 256 * 1024;
/** Levels of mappings and lists in one document; the outermost mapping is level 1. */
export const MAX_DEPTH = 64;
/** Problems named in one answer. */
export const MAX_PROBLEMS = 100;
/** Tokens of one YAML text. The YAML library takes about 5 microseconds for each; JSON is not limited by it. */
export const MAX_YAML_TOKENS = 200_000;
/** Whole numbers beyond 2^53 - 1 lose digits in JSON. */
export const isExactNumber = (value: number): boolean =>
  Number.isFinite(value) && (Number.isSafeInteger(value) || !Number.isInteger(value));
