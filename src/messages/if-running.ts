// What becomes of a run that is asked for while another one goes on: a choice of the type, or of the request.

/** What becomes of a run that is wanted while one goes on: it waits for its turn, takes the place of that one, or is not done. */
export const ifRunningChoices = ['queue', 'replace', 'skip'] as const;

export type IfRunning = (typeof ifRunningChoices)[number];
