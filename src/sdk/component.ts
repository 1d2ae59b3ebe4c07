// A component at work: waits for its channel, competes for the lease, and while it leads takes commands in, reconciles, answers
// queries and keeps house. Over ports only; run-operator.ts connects it to a server and makes a program of it.

import { Fault, isFault } from '../core/fault.ts';
import { whileLeading } from '../engine/loops/lead.ts';
import type { LeaseKeeper } from '../engine/ports/leases.ts';
import type { HangReport } from '../messages/component-names.ts';
import { createMessageHandler } from './message-handler.ts';
import type { HungReconcile } from './reconcile-watch.ts';
import { leadTerm, type TermParts } from './term.ts';
import type { MessageHandler, OController } from './types.ts';

/** `working`: it leads, and takes commands. `standing-by`: another replica leads, this one takes over when that one is gone. */
export type ComponentStage = 'connecting' | 'waiting-for-channel' | 'standing-by' | 'starting' | 'working';

export type ComponentOptions = Omit<TermParts, 'handler' | 'lease' | 'leading' | 'onController' | 'onWorking'> & {
  readonly handler?: MessageHandler;
  readonly leases: LeaseKeeper;
  /** Name of this replica, for the lease. */
  readonly holder: string;
  /** Whether the stream of the channel exists; the operator-runtime makes it when the operator is applied. */
  channelExists(): Promise<boolean>;
  onStage?(stage: ComponentStage): void;
};

const LOOK_AGAIN_MS = 500;

const waitForChannel = async (options: ComponentOptions): Promise<void> => {
  const { config, clock, log, signal } = options;
  let isTold = false;
  while (!signal.aborted) {
    try {
      if (await options.channelExists()) return;
      if (!isTold) {
        const hint =
          "the operator-runtime makes it from the manifest's natsApi.command.stream; is the operator applied?";
        log.info({ stream: config.stream, hint }, 'waiting for the stream of the channel');
      }
      isTold = true;
    } catch (error) {
      if (!isFault(error) || error.retry === 'never') throw error;
      log.warn({ err: error }, 'server not ready');
    }
    await clock.sleep(LOOK_AGAIN_MS, signal);
  }
};

/** Resolves when `signal` aborts. Rejects with a bug. */
export const runComponent = async (options: ComponentOptions): Promise<void> => {
  const { config, reconciler, leases, clock, log, metrics, signal } = options;
  const handler =
    options.handler ?? createMessageHandler(config.operator === undefined ? {} : { operator: config.operator });
  let isInitialised = false;
  // Authors keep the controller of `init`; each term has its own.
  let current: OController | undefined;
  metrics.gauge('isLeader', () => Number(current !== undefined));

  const inTerm = (): OController => {
    if (current !== undefined) return current;
    throw new Fault('LEASE_LOST', 'this replica does not lead: no state can be read or reported now');
  };
  const lasting: OController = {
    getEntity: async (key, type) => inTerm().getEntity(key, type),
    getEntityStatus: async (key, type) => inTerm().getEntityStatus(key, type),
    updateEntityStatus: async (update) => inTerm().updateEntityStatus(update),
  };
  const onController = async (controller: OController): Promise<void> => {
    current = controller;
    if (!isInitialised) await reconciler.init?.(lasting);
    isInitialised = true;
  };

  let hung: () => readonly HungReconcile[] = () => [];
  /** In the record of the lease: the operator-runtime tells of it. */
  const facts = (): { readonly hangs?: HangReport } => {
    const [oldest, ...others] = hung();
    if (oldest === undefined) return {};
    return { hangs: { count: others.length + 1, key: oldest.key, since: new Date(oldest.sinceMs).toISOString() } };
  };

  const reach = (stage: ComponentStage): void => options.onStage?.(stage);
  reach('waiting-for-channel');
  await waitForChannel(options);
  reach('standing-by');
  await whileLeading({
    ...{ leases, holder: options.holder, ttlMs: config.leaseTtlMs, clock, log, signal, facts },
    name: config.electionName,
    work: async (lease, leading) => {
      try {
        reach('starting');
        const onWorking: TermParts['onWorking'] = (loop) => {
          hung = () => loop.hung();
          reach('working');
        };
        await leadTerm({ ...options, handler, lease, onController, leading, onWorking });
      } finally {
        hung = () => [];
        current = undefined;
        reach('standing-by');
      }
    },
  });
};
