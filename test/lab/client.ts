// A steady client: our own engine in the lab's client namespace asks the anycast address at a rate, each query from the next of
// 64 ports, so that R1 spreads them over all that it has a route to.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ended } from "../../src/demo/frr.js";
import type { Outcome } from "../../src/index.js";
import { monotonicNs } from "../../src/units.js";
import { anycast, type Lab } from "./lab.js";

/** Asking is what the client's process is told. */
export interface Asking {
  readonly address: string;
  readonly rateQps: number;
  readonly timeoutMs: number;
}

/** Asked is one query. */
export interface Asked {
  readonly sentNs: number;
  readonly outcome: Outcome;
  /** The NSID of who answered; null: nobody did. */
  readonly by: string | null;
}

const program = fileURLToPath(new URL("./client-process.ts", import.meta.url));
const timeoutMs = 1000;

/** SteadyClient asks from start() to stop(). */
export class SteadyClient implements AsyncDisposable {
  readonly #child: ChildProcess;
  #said = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      this.#said += text;
    });
  }

  /** start resolves once it asks. Needs a lab with `client: true`. */
  static async start(lab: Lab, rateQps: number): Promise<SteadyClient> {
    const asking: Asking = { address: anycast.split("/")[0]!, rateQps, timeoutMs };
    const argv = ["--import", import.meta.resolve("tsx"), program, JSON.stringify(asking)];
    const child = lab.network.client!.namespace.spawn(process.execPath, argv, { stdio: ["pipe", "pipe", "inherit"] });
    const client = new SteadyClient(child);
    await Promise.race([once(child.stdout!, "data"), ended(child)]);
    return client;
  }

  /** stop gives all queries that were sent until it was called, in the order of sending: each has had its second. */
  async stop(): Promise<readonly Asked[]> {
    const untilNs = monotonicNs();
    await sleep(timeoutMs + 200);
    this.#child.stdin!.end();
    await once(this.#child, "close");
    const { sentNs, outcome, by } = JSON.parse(this.#said.trimEnd().split("\n").at(-1)!) as Columns;
    return sentNs
      .map((at, i) => ({ sentNs: at, outcome: outcome[i]!, by: by[i]! }))
      .filter((asked) => asked.sentNs <= untilNs)
      .sort((a, b) => a.sentNs - b.sentNs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await ended(this.#child);
  }
}

type Columns = { readonly [Column in keyof Asked]: readonly Asked[Column][] };

/** between gives the queries that were sent from one moment to another, ns. */
export function between(queries: readonly Asked[], fromNs: number, toNs = Number.POSITIVE_INFINITY): readonly Asked[] {
  return queries.filter(({ sentNs }) => sentNs >= fromNs && sentNs < toNs);
}

/** lostOf counts those that nobody answered; what the client itself stood still for proves nothing, and is `voided`. */
export function lostOf(queries: readonly Asked[]): {
  readonly sent: number;
  readonly lost: number;
  readonly voided: number;
} {
  const of = (outcome: Outcome) => queries.filter((asked) => asked.outcome === outcome).length;
  const voided = of("voided");
  return { sent: queries.length, lost: queries.length - of("answered") - voided, voided };
}

/** answersBy counts answers by who gave them. */
export function answersBy(queries: readonly Asked[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { by } of queries) if (by !== null) counts[by] = (counts[by] ?? 0) + 1;
  return counts;
}
