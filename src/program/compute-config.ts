// Which container engine the operator-runtime uses, and how. Spread into the operator-runtime's own table (supervision-config.ts).

import { optional, textEntry, type ConfigEntry } from './config-table.ts';

/** Words of a command line: a JSON array of texts, or words between white space, where quotes keep white space together. */
export const parseWords = (text: string): readonly string[] | undefined => {
  if (text.trimStart().startsWith('[')) {
    try {
      const value: unknown = JSON.parse(text);
      return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined;
    } catch {
      return undefined;
    }
  }
  const words = text.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? [];
  const unquoted = words.map((word) =>
    word.replaceAll(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single),
  );
  return /["']/.test(text.replaceAll(/"[^"]*"|'[^']*'/g, '')) ? undefined : unquoted;
};

const wordsEntry = (env: string, about: string): ConfigEntry<readonly string[]> => ({
  env: [env],
  about,
  fallback: '[]',
  expected: 'words as on a command line (quotes keep white space together), or a JSON array of texts',
  parse: parseWords,
});

export const computeTable = {
  containerEngine: optional(
    textEntry({
      env: 'OPSTREAM_CONTAINER_ENGINE',
      about: 'program that runs containers, by name or path; absent: podman where there is one, else docker',
    }),
  ),
  containerEngineFlags: wordsEntry(
    'OPSTREAM_CONTAINER_ENGINE_FLAGS',
    'flags of the engine itself, before its command: --runtime runc --storage-driver vfs --cgroup-manager cgroupfs',
  ),
  containerRunFlags: wordsEntry(
    'OPSTREAM_CONTAINER_RUN_FLAGS',
    'flags of `run` for every container: --network host --ulimit nofile=4096:4096 --memory 512m',
  ),
} as const;
