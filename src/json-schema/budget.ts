// Steps that one evaluation of an operator's schema may take. A schema of a kilobyte can ask for 2^60 of them; every subschema, every
// pattern and every comparison charges here, so that the worst case is a fraction of a second and then a refusal.

export class BudgetExceeded extends Error {
  constructor() {
    super('the evaluation took more steps than it may');
    this.name = 'BudgetExceeded';
  }
}

export type Budget = {
  /** Throws BudgetExceeded when the steps are used up. */
  readonly charge: (steps: number) => void;
  readonly refill: (steps: number) => void;
};

export const createBudget = (): Budget => {
  let left = Number.POSITIVE_INFINITY;
  return {
    charge: (steps) => {
      left -= steps;
      if (left < 0) throw new BudgetExceeded();
    },
    refill: (steps) => {
      left = steps;
    },
  };
};
