// What the runner and its worker say to each other. Values travel as JSON text: the worker never holds an object of the caller.

/** `input` undefined: compile only. */
export type JqJob = {
  readonly program: string;
  readonly input: string | undefined;
  readonly flags: readonly string[];
  readonly maxOutputLength: number;
};

export type JqReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'outputs'; readonly lines: string }
  | { readonly kind: 'failed'; readonly isCompileError: boolean; readonly stderr: string }
  | { readonly kind: 'too-long' }
  /** The interpreter itself gave up (memory, stack): this worker is of no further use. */
  | { readonly kind: 'broken' };
