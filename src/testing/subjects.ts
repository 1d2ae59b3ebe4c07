// Whether a subject matches a filter of NATS: `*` is one token, `>` the rest.

export const matchesFilter = (filter: string, subject: string): boolean => {
  if (filter === subject) return true;
  if (!filter.includes('*') && !filter.includes('>')) return false;
  const wanted = filter.split('.');
  const tokens = subject.split('.');
  for (const [at, token] of wanted.entries()) {
    if (token === '>') return tokens.length > at;
    if (at >= tokens.length || (token !== '*' && token !== tokens[at])) return false;
  }
  return wanted.length === tokens.length;
};

export const matchesAny = (filters: readonly string[] | undefined, subject: string): boolean =>
  filters === undefined || filters.length === 0 || filters.some((filter) => matchesFilter(filter, subject));
