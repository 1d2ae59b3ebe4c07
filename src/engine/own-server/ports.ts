// What the care for operators' own servers needs of the world. compute/server-folder.ts keeps their folders; processes/common/own-servers.ts
// makes the connections.

import type { Appender, StreamFollower, StreamReader } from '../ports/streams.ts';
import type { KeyValueStore } from '../ports/buckets.ts';
import type { Publisher, Requester, Subscriber } from '../ports/services.ts';
import type { ChannelPosition } from '../ports/channel.ts';

/** An image that the process driver knows: the nats-server of this machine. */
export const SERVER_IMAGE = 'opstream/nats-server';

export type Login = { readonly user: string; readonly password: string };

/** A server that was prepared: its port and passwords are decided and remembered, whether it runs or not. */
export type ServerPlace = {
  /** Made once with the folder; another one means that what the earlier one held is gone. */
  readonly incarnation: string;
  readonly url: string;
  readonly port: number;
  readonly configPath: string;
  readonly runtime: Login;
  readonly component: Login;
};

export type ServerRef = { readonly operator: string; readonly name: string };

/** The folders of the servers on this machine. */
export interface ServerFolders {
  /** The same for the same ref as long as its folder is there. Faults: COMPUTE_UNAVAILABLE (the folder cannot be used). */
  prepare(ref: ServerRef): Promise<ServerPlace>;
  /** Whether what was prepared is still there. */
  isThere(ref: ServerRef): boolean;
  list(): readonly ServerRef[];
  /** Removes what a server has stored. Nothing when it still runs: call again. */
  remove(ref: ServerRef): void;
}

/** The side of a server that components and runtime meet on: the shared one, or an operator's own. */
export type ServerSide = {
  readonly statuses: Appender;
  readonly statusReader: StreamReader;
  readonly statusFollower: StreamFollower;
  readonly deadFollower: StreamFollower;
  readonly dead: Appender;
  /** The bucket of leases, which also has positions. */
  readonly positions: KeyValueStore;
  readonly requester: Requester;
  readonly subscriber: Subscriber;
  readonly publisher: Publisher;
};

export type OwnServer = ServerSide & {
  readonly isUp: boolean;
  appenderOf(stream: string): Appender;
  ensureChannel(stream: string, subjects: readonly string[]): Promise<void>;
  /** Undefined: there is no such stream. */
  positionOf(stream: string, subject: string): Promise<ChannelPosition | undefined>;
  close(): Promise<void>;
};
