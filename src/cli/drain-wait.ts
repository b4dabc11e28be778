// Waiting for a drain: the daemon is asked again and again how the prefixes stand, until each is withdrawn or will not be.
import { setTimeout as sleep } from "node:timers/promises";
import { fetchStatus } from "../run/control.js";
import type { PrefixReport, Status } from "../run/status.js";
import { monotonicNs } from "../units.js";
import { Progress } from "./drain-progress.js";

/** DrainOutcome is what came of a drain at one prefix. */
export interface DrainOutcome {
  readonly prefix: string;
  /** `held`: by the guard. `frozen`: nothing moves. `ended`: by somebody, or by its time. */
  readonly outcome: "withdrawn" | "held" | "frozen" | "ended";
  readonly reason: string | null;
}

const lookMs = 250;

/** drained resolves once every prefix is withdrawn or stays, and says so meanwhile. Rejects where the daemon is gone. */
export async function drained(
  control: string,
  prefixes: readonly string[],
  tell: (line: string) => void,
): Promise<DrainOutcome[]> {
  const progress = new Map(prefixes.map((prefix) => [prefix, new Progress(prefix, tell)]));
  for (;;) {
    const status = await fetchStatus(control);
    const outcomes = prefixes.flatMap((prefix) => {
      const report = reportOf(status, prefix);
      const outcome = outcomeOf(status, prefix, report);
      progress.get(prefix)!.note(report, outcome, monotonicNs());
      return outcome ?? [];
    });
    // One that the guard holds may go after all, while the others are on their way.
    if (outcomes.length === prefixes.length) return outcomes;
    await sleep(lookMs);
  }
}

function reportOf({ services }: Status, prefix: string): PrefixReport | undefined {
  return services.flatMap(({ prefixes }) => prefixes).find((report) => report.prefix === prefix);
}

/** Undefined: it is on its way. */
function outcomeOf({ frozen }: Status, prefix: string, report: PrefixReport | undefined): DrainOutcome | undefined {
  const ended = (reason: string) => ({ prefix, outcome: "ended", reason }) as const;
  if (!report) return ended("the daemon's config does not have it any more");
  const { observed, verified, order, guard } = report;
  if (observed === "withdrawn" && verified) return { prefix, outcome: "withdrawn", reason: null };
  if (frozen) return { prefix, outcome: "frozen", reason: `by ${frozen.by}` };
  if (order?.kind !== "drain" && order?.kind !== "withdraw") return ended("the order is over");
  return guard?.held ? { prefix, outcome: "held", reason: guard.reason } : undefined;
}
