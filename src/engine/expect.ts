// What the engine's numbers must be, said in one way. A number that is none of these would wrap or be cut in the addon.

/** The longest time that is taken, some 31 years; native/plan.h has it as kLongestNs. */
const longestMs = 1e12;

/** expectInteger throws a RangeError where `value` is no integer of `least` to `most`. */
export function expectInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`${name}: expected an integer of ${least}-${most}, got ${value}`);
}

/** expectNumber throws a RangeError where `value` is no number of `least` to `most`. */
export function expectNumber(name: string, value: number, least: number, most: number): void {
  if (typeof value === "number" && value >= least && value <= most) return;
  throw new RangeError(`${name}: expected a number of ${least}-${most}, got ${value}`);
}

/** expectTime throws a RangeError where `ms` is no time of 0 ms and more. */
export function expectTime(name: string, ms: number): void {
  expectNumber(name, ms, 0, longestMs);
}
