// The values of `anyprobe bench`'s options: each reads its text, or says what it expected.
import { InvalidArgumentError } from "commander";
import { parseRate } from "../load/figure.js";
import { parseObjective } from "../load/objective.js";
import { familyOf } from "../probe/target.js";
import { parseDurationMs } from "../units.js";

/** rate reads `1.2M`, `50k` or `800`, in queries a second. */
export function rate(text: string): number {
  return parseRate(text) ?? refuse("a rate as 50000, 50k or 1.2M", text);
}

/** rates reads `10k,20k,50k`, or `10k:50k:10k`: from, to and by. */
export function rates(text: string): readonly number[] {
  const [from, to, by, more] = text.split(":").map((part) => part.split(",").map(rate));
  if (to === undefined) return from!;
  if (from!.length + to.length + (by?.length ?? 2) !== 3 || more) refuse("rates as 10k,20k,50k or FROM:TO:BY", text);
  const [first, last, step] = [from![0]!, to[0]!, by![0]!];
  const count = Math.floor((last - first) / step + 1e-9) + 1;
  if (!(count >= 1 && count <= 1000)) refuse("FROM:TO:BY of 1-1000 rates", text);
  return Array.from({ length: count }, (_, i) => first + i * step);
}

/** ramp reads `FROM:TO`. */
export function ramp(text: string): readonly [number, number] {
  const parts = text.split(":").map(rate);
  if (parts.length !== 2) refuse("two rates as 1k:100k", text);
  return [parts[0]!, parts[1]!];
}

/** seconds reads `20`, as dnsperf does, or a duration as `20s` or `2m`. */
export function seconds(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : (parseDurationMs(text) ?? 0) / 1e3;
  return value > 0 && value < 1e9 ? value : refuse("seconds as 20, or a duration as 20s or 2m", text);
}

/** percent reads `1%` or `0.5%`, as a share. */
export function percent(text: string): number {
  const share = Number(/^(\d+(?:\.\d+)?)%?$/.exec(text)?.[1]) / 100;
  return share >= 0.0005 && share <= 0.5 ? share : refuse("a share of 0.05%-50% as 1%", text);
}

/** count reads a whole number within bounds. */
export function count(least: number, most: number) {
  return (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? value : refuse(`a whole number of ${least}-${most}`, text);
  };
}

/** factor reads a number above 0. */
export function factor(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  return value > 0 ? value : refuse("a number above 0", text);
}

/** objective reads limits; `none` is none. */
export function objective(text: string): string {
  try {
    if (text !== "none") parseObjective(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** address reads one IPv4 or IPv6 address; names are not looked up, for one name can be many servers. */
export function address(text: string): string {
  try {
    familyOf(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** addresses reads `A,B,…`, and may be repeated. */
export function addresses(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(",").map(address)];
}

/** cpus reads `0,1`. */
export function cpus(text: string): readonly number[] {
  return text.split(",").map(count(0, 1023));
}

function refuse(expected: string, got: string): never {
  throw new InvalidArgumentError(`expected ${expected}, got "${got}"`);
}
