// What a check throws when a component does not keep the contract.

/** A component did not keep the contract. All three are sentences for its author. */
export class Breach extends Error {
  readonly expected: string;
  readonly found: string;
  readonly advice: string;

  constructor(breach: { readonly expected: string; readonly found: string; readonly advice: string }) {
    super(`expected ${breach.expected}; found ${breach.found}`);
    this.name = 'Breach';
    this.expected = breach.expected;
    this.found = breach.found;
    this.advice = breach.advice;
  }
}
