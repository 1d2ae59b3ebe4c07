// Addresses of servers as settings hold them (`nats://user:password@host:port,…`). Whatever is logged, printed or passed on goes through here.

/** Without the users and passwords that may be in it. */
export const withoutUser = (addresses: string): string => addresses.replaceAll(/\/\/[^/@,]+@/g, '//');
