// Versions as programs print them, compared by their numbers.

/** The oldest nats-server that opstream runs on: earlier 2.12 releases could lose writes that they had acknowledged. */
export const MINIMUM_VERSION = [2, 12, 3];

/** `[2, 15, 1]` of "nats-server: v2.15.1"; undefined when there is no version in the text. */
export const parseVersion = (text) => {
  const match = /(\d+)\.(\d+)\.(\d+)/.exec(text);
  return match === null ? undefined : match.slice(1, 4).map(Number);
};

/** Whether `version` is `minimum` or newer. */
export const atLeast = (version, minimum) => {
  for (const [index, wanted] of minimum.entries()) {
    const found = version[index] ?? 0;
    if (found !== wanted) return found > wanted;
  }
  return true;
};
