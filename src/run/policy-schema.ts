// The shape of what a service's policy is written in: objective, damping, guard, and how it starts and drains. What these
// keys mean to each other is in policy-rule.ts.
import { z } from "zod";
import { rcodeNumber } from "../probe/dns-word.js";
import { rcodes } from "./config-dns.js";
import {
  absolutePath,
  choice,
  duration,
  expected,
  mapping,
  meant,
  nearest,
  percentage,
  show,
  whole,
} from "./config-scalar.js";

/** As many as fit beside every rcode and loss into what a sample is held against (maxBounds of room health). */
const maxPercentiles = 10;

/** table reads a mapping whose keys are data; `read` gives undefined for a key that is not `what`, and `hint` says more of it. */
function table<K, V extends z.ZodType>(
  what: string,
  value: V,
  read: (key: string) => K | undefined,
  hint: (key: string) => string = () => "",
) {
  return z
    .record(z.string(), value, { error: expected(`a mapping with ${what}`) })
    .transform((written, context): [K, z.output<V>][] => {
      const entries = Object.entries(written as Record<string, z.output<V>>);
      const fault = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
      if (entries.length === 0) fault([], `expected a mapping with ${what}, got an empty mapping`);
      return entries.flatMap(([word, limit]) => {
        const key = read(word);
        if (key !== undefined) return [[key, limit] as [K, z.output<V>]];
        fault([word], `expected ${what}, got ${show(word)}${hint(word)}`);
        return [];
      });
    });
}

function percentileOf(word: string): number | undefined {
  const number = Number(/^p(\d+(?:\.\d{1,6})?)$/.exec(word)?.[1]);
  return number > 0 && number <= 100 ? number : undefined;
}

const latency = table("percentiles like p50 or p99.9", duration("1us", "1m"), percentileOf, (word) =>
  percentileOf(`p${word}`) === undefined ? "" : ` (write p${word})`,
).refine((limits) => limits.length <= maxPercentiles, {
  error: `expected at most ${maxPercentiles} percentiles, got more`,
});

const shares = table(
  "rcodes like SERVFAIL or REFUSED",
  percentage,
  (word) => (rcodes.includes(word) ? rcodeNumber(word) : undefined),
  (word) => (nearest(word, rcodes) === undefined ? "" : ` (did you mean ${nearest(word, rcodes)}?)`),
);

export const objectiveSchema = mapping({
  latency: latency
    .optional()
    .describe("By percentile, as p99: so many per cent of all probes are answered within this; at most timeout."),
  loss: percentage.optional().describe("No more of all probes than this go without an answer."),
  rcodes: shares.optional().describe("By rcode, as SERVFAIL: no more of all probes than this are answered with it."),
  window: duration("100ms", "24h").prefault("30s").describe("The sliding window that the bounds hold over."),
  fast_window: duration("10ms", "24h")
    .optional()
    .describe("The shorter window in which a collapse is seen; a tenth of window, or longer where it must be."),
  fast_burn: z
    .number({ error: expected("a number from 2 to 1000") })
    .min(2, { error: expected("a number from 2 to 1000") })
    .max(1000, { error: expected("a number from 2 to 1000") })
    .default(10)
    .describe("So many times what a bound allows, within fast_window, is a collapse."),
  min_samples: whole(1, 100_000).default(20).describe("With fewer probes in a window nothing is judged by it."),
  on_breach: choice("deprefer", "withdraw")
    .default("deprefer")
    .describe("What becomes of the prefixes while a bound is broken: deprefer or withdraw."),
});

export const dampingSchema = z.union(
  [
    choice("none"),
    mapping({
      hold_down: duration("1ms", "24h")
        .prefault("10s")
        .describe("The wait after the first time; it doubles with each that follows."),
      max: duration("1ms", "24h").prefault("1h").describe("No wait is longer; at least hold_down."),
      forget: duration("1ms", "168h").prefault("1h").describe("After so long a calm the next wait is the first again."),
    }),
  ],
  { error: expected("none or a mapping with hold_down, max and forget", meant("none")) },
);

const bareNumber = (value: unknown) => (Number.isInteger(value) ? `write {others: ${value}}` : meant("none")(value));

export const guardSchema = z.union(
  [
    choice("none"),
    mapping({
      others: whole(1, 1000)
        .default(1)
        .describe("So many other routers must announce a prefix before this one withdraws it."),
      frr: absolutePath(90)
        .optional()
        .describe("Read FRR's or Quagga's database, by the vty sockets in this directory."),
      bird: absolutePath(107).optional().describe("Read BIRD's database, by this control socket."),
    }),
  ],
  { error: expected("none or {others: N}", bareNumber) },
);

/** policy has the keys of a service that say how it is treated. */
export const policy = {
  objective: objectiveSchema.optional().describe("How good the service must be, beyond being alive."),
  damping: dampingSchema
    .prefault({})
    .describe(
      "How long a prefix that was withdrawn or depreferred waits before it is announced again; none: not at all.",
    ),
  guard: guardSchema
    .optional()
    .describe("Keep the last endpoint announced, by the router's own link-state database; none: do not."),
  initial: choice("adopt", "prove")
    .default("adopt")
    .describe("At start: adopt what is announced, or withdraw it until the checks have passed (prove)."),
  drain: duration("0s", "24h").prefault("30s").describe("How long a drain waits at most for the traffic to go."),
};

/** policySchema reads those that services which share a prefix must have alike. */
export const policySchema = z.object({ damping: policy.damping, guard: policy.guard, initial: policy.initial });

export type RawObjective = z.output<typeof objectiveSchema>;
export type RawPolicy = z.output<typeof policySchema>;
export type RawDamping = z.output<typeof dampingSchema>;
/** Undefined: not written. */
export type RawGuard = z.output<typeof guardSchema> | undefined;
