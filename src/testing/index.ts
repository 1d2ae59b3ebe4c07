// The engine's ports in memory, driven by a test: a server, a clock, ids, a log. Nothing here runs by itself, and nothing is random.

export { countedIds } from './ids.ts';
export { drivenClock, type DrivenClock } from './driven-clock.ts';
export { keptLog, silentLog, type LogLine } from './kept-log.ts';
export { keptMetrics, type KeptMetrics } from './kept-metrics.ts';
export { directLink, type Link, type Route } from './link.ts';
export { createMemoryInstance } from './memory-instance.ts';
export { createMemoryPorts } from './memory-ports.ts';
export { bucketStream, createMemoryServer, type MemoryServer } from './memory-server.ts';
export type { KeptMessage, MemoryStream, StreamDefinition } from './memory-stream.ts';
export { matchesAny, matchesFilter } from './subjects.ts';
