// What is to be published waits for the end of the turn of the event loop and then goes out together: the client writes to its socket
// after each microtask in which something was published, and a promise chain for each message would make a system call of each.

export type Outbox = { post(publish: () => void): void; flush(): void };

export const createOutbox = (): Outbox => {
  let waiting: (() => void)[] = [];
  const flush = (): void => {
    const posted = waiting;
    waiting = [];
    for (const publish of posted) publish();
  };
  return {
    post: (publish) => {
      waiting.push(publish);
      if (waiting.length === 1) setImmediate(flush);
    },
    flush,
  };
};
