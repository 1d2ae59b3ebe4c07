// The containers of this prefix and data folder as the engine has them, and their last way: renamed when their instance is stopped or started again, and removed
// when nobody can want their logs any more. Used by the container driver.

import { Fault } from '../core/fault.ts';
import type { JsonValue } from '../core/json.ts';
import { containerFacts, LABELS, type ContainerFacts } from './container-facts.ts';
import type { Engine, EngineResult } from './engine-cli.ts';

const KEEP_ENDED_MS = 600_000;
const KEEP_ENDED = 3;
/** An engine that hangs must not hold up whoever looks after other components too. */
const LOOK_MS = 8000;
const REMOVE_MS = 60_000;
const REASON_CHARACTERS = 300;
const INSPECT_TRIES = 5;

/** What the engine said last: for people, never to decide on. */
export const lastLine = (stderr: string): string => (stderr.split('\n').at(-1) ?? '').slice(0, REASON_CHARACTERS);

/** Faults of all: COMPUTE_UNAVAILABLE. */
export const createContainerInventory = (engine: Engine, prefix: string, home: string) => {
  const nameOf = (id: string): string => `${prefix}-${home}.${id}`;
  const isCurrent = ({ name, instance }: ContainerFacts): boolean => name === nameOf(instance);

  const unusable = (what: string, reason: string): Fault =>
    new Fault('COMPUTE_UNAVAILABLE', `the container engine ${engine.program} ${what}`, { details: { reason } });

  /** After a command that failed: throws when it is for the engine, which does not work at all. */
  const assertEngine = async (found: EngineResult): Promise<void> => {
    if (found.code === undefined) throw unusable('does not answer', found.stderr);
    const { code, stderr } = await engine.run(['version', '--format', '{{json .}}'], { timeoutMs: LOOK_MS });
    if (code === undefined) throw unusable('does not answer', stderr);
    if (code !== 0) throw unusable(`cannot be used: ${lastLine(stderr)}`, stderr);
  };

  const listIds = async (labels: readonly string[]): Promise<readonly string[]> => {
    const filters = [`${LABELS.prefix}=${prefix}`, `${LABELS.home}=${home}`, ...labels].flatMap((label) => [
      '--filter',
      `label=${label}`,
    ]);
    const listed = await engine.run(['ps', '--all', '--no-trunc', ...filters, '--format', '{{.ID}}'], {
      timeoutMs: LOOK_MS,
    });
    if (listed.code === 0) return listed.stdout.split('\n').filter((line) => /^[0-9a-f]{12,64}$/.test(line));
    await assertEngine(listed);
    throw new Fault('COMPUTE_UNAVAILABLE', `${engine.program} does not list containers: ${lastLine(listed.stderr)}`);
  };

  const parse = (stdout: string): readonly JsonValue[] => {
    try {
      const answer = JSON.parse(stdout) as JsonValue;
      return Array.isArray(answer) ? answer : [];
    } catch (error) {
      throw new Fault('COMPUTE_UNAVAILABLE', `${engine.program} inspect printed something that is no JSON`, {
        cause: error,
      });
    }
  };

  /** Oldest first. */
  const inspect = async (labels: readonly string[]): Promise<readonly ContainerFacts[]> => {
    for (let tries = 1; ; tries += 1) {
      const ids = await listIds(labels);
      if (ids.length === 0) return [];
      const { code, stdout, stderr } = await engine.run(['inspect', '--type', 'container', ...ids], {
        timeoutMs: LOOK_MS,
      });
      if (code === 0) {
        const facts = parse(stdout).flatMap((one) => containerFacts(one) ?? []);
        return facts.sort((left, right) => left.createdMs - right.createdMs);
      }
      // One that has gone meanwhile makes the whole fail.
      if (tries === INSPECT_TRIES)
        throw new Fault('COMPUTE_UNAVAILABLE', `${engine.program} does not inspect containers: ${lastLine(stderr)}`);
    }
  };

  const containersOf = (id: string): Promise<readonly ContainerFacts[]> => inspect([`${LABELS.instance}=${id}`]);
  const currentOf = async (id: string): Promise<ContainerFacts | undefined> => (await containersOf(id)).find(isCurrent);

  const remove = async ({ containerId }: ContainerFacts): Promise<void> => {
    await engine.run(['rm', '--force', '--volumes', containerId], { timeoutMs: REMOVE_MS });
  };

  /** Takes it out of the list, and keeps it for those who read its log. */
  const retire = async (container: ContainerFacts): Promise<void> => {
    if (container.phase === 'created') return remove(container);
    const name = `${container.name}.ended.${container.containerId.slice(0, 12)}`;
    const { code } = await engine.run(['rename', container.containerId, name]);
    if (code !== 0) await remove(container);
  };

  /** Containers of instances that were stopped, or started again, when nobody can want their logs any more. */
  const tidy = async (all: readonly ContainerFacts[]): Promise<void> => {
    const ended = all.filter((one) => !isCurrent(one) && one.phase !== 'running').reverse();
    const count = new Map<string, number>();
    for (const one of ended) {
      const newer = count.get(one.instance) ?? 0;
      count.set(one.instance, newer + 1);
      if (newer >= KEEP_ENDED || Date.now() - one.finishedMs > KEEP_ENDED_MS) await remove(one);
    }
  };

  return {
    nameOf,
    isCurrent,
    assertEngine,
    /** Those that have ended among them, oldest first. */
    all: () => inspect([]),
    containersOf,
    currentOf,
    remove,
    retire,
    tidy,
  };
};

export type ContainerInventory = ReturnType<typeof createContainerInventory>;
