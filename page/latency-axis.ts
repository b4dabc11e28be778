// The axis of latencies, by their logarithm, in every plot of a page.
import { latency } from "../src/load/figure.js";
import type { Axis } from "./chart.js";

/** latencyAxis fits these values, in ns. */
export function latencyAxis(values: readonly (number | null)[], label = "latency from the due time"): Axis {
  return {
    label,
    scale: "log",
    text: (ns, tick) =>
      tick
        ? latency(ns)
            .replace(/(\.\d*?)0+(?=[a-z])/, "$1")
            .replace(/\.(?=[a-z])/, "")
        : latency(ns),
    range: around(values),
  };
}

/** A range with some air round the values, for a logarithmic scale. */
export function around(values: readonly (number | null)[]): [number, number] {
  const known = values.filter((value): value is number => value !== null && Number.isFinite(value) && value > 0);
  if (known.length === 0) return [1, 10];
  const [least, most] = [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))];
  const air = Math.max(1.25, (most / least) ** 0.06);
  return [least / air, most * air];
}
