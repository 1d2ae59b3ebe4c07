// `multipleOf` by the digits that JSON shows: 19.99 is a multiple of 0.01, though their quotient as floating-point numbers is no whole one.

type Decimal = { readonly digits: bigint; readonly exponent: number };

/** The shortest digits that stand for the number, which are those that people wrote. */
const decimalOf = (value: number): Decimal => {
  const [mantissa = '0', exponent = '0'] = String(value).split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  return { digits: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length };
};

const scaled = ({ digits, exponent }: Decimal, to: number): bigint => digits * 10n ** BigInt(exponent - to);

/** `divisor` is greater than 0. Numbers have at most some 650 digits, so this takes microseconds. */
export const isMultipleOf = (value: number, divisor: number): boolean => {
  if (Number.isSafeInteger(value) && Number.isSafeInteger(divisor)) return value % divisor === 0;
  const left = decimalOf(value);
  const right = decimalOf(divisor);
  const exponent = Math.min(left.exponent, right.exponent);
  return scaled(left, exponent) % scaled(right, exponent) === 0n;
};
