// The generator's ceiling: the highest rate that it offers on this host, found against the built-in answerer, and kept in a file
// until something that it depends on changes. What a service is found to hold is only its own where this is well above.
import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus as hostCpus, release } from "node:os";
import { dirname } from "node:path";
import { Answerer } from "../engine/answerer.js";
import type { Query } from "../probe/query.js";
import { familyOf } from "../probe/target.js";
import { compile } from "../probe/template.js";
import type { Sending } from "./feeder.js";
import { parseObjective } from "./objective.js";
import type { QuerySource } from "./query-source.js";
import { runTrial, type Setting } from "./trial.js";

/** CeilingOptions is how the load will be offered; the target tells the family alone. */
export interface CeilingOptions extends Pick<Setting, "shards" | "cpus"> {
  readonly sending: Pick<Sending, "target" | "ports" | "train" | "arrivals">;
  /** One of those that will be asked, as long as they are. */
  readonly query: Query;
}

/** Ceiling is a rate that was offered without fault, and when that was found; RFC 3339, UTC. */
export interface Ceiling {
  readonly qps: number;
  readonly measuredAt: string;
}

/** CeilingProgress is what a step has found: `reached` at `qps`, or not. */
export interface CeilingProgress {
  readonly qps: number;
  readonly reached: boolean;
}

const firstQps = 100_000;
const lowestQps = 100;
/** So often the interval between a rate that was reached and one that was not is halved, on the scale of ratios: to 9 %. */
const halvings = 3;
const stepSeconds = 0.3;
const timeoutMs = 250;
/** A step that fails is done again: whatever else runs on the host for a moment would make the ceiling lower than it is. */
const tries = 2;
const noLoss = parseObjective("loss<0.1%");

/**
 * measureCeiling offers rising rates to the built-in answerer on loopback for 3-6 s, until the generator cannot keep up (it
 * sends less than is wanted, or late, or loses answers itself), or answers are missing. On loopback the answerer and the
 * kernel's receive path share this host's cores with the generator, so what is found is a lower bound of what it offers over
 * a network card; answers are as long as the queries, and longer ones cost more. Rejects with the signal's reason, and with
 * EngineError where the kernel refuses a socket.
 */
export async function measureCeiling(
  options: CeilingOptions,
  onProgress: (progress: CeilingProgress) => void,
  signal: AbortSignal,
): Promise<Ceiling> {
  const answerer = Answerer.start({ address: familyOf(options.sending.target.address) === 4 ? "127.0.0.1" : "::1" });
  const reaches = async (qps: number) => {
    const reached = await tried(options, answerer, qps, signal);
    onProgress({ qps: Math.round(qps), reached });
    return reached;
  };
  try {
    let [held, failed] = [0, Number.POSITIVE_INFINITY];
    let qps = firstQps;
    while (held === 0 || failed === Number.POSITIVE_INFINITY) {
      if (await reaches(qps)) held = qps;
      else failed = qps;
      if (held === 0 && qps <= lowestQps) break;
      qps = held === 0 ? qps / 2 : 2 * held;
      if (failed <= qps) break;
    }
    for (let step = 0; held > 0 && step < halvings; step++) {
      qps = Math.sqrt(held * failed);
      if (await reaches(qps)) held = qps;
      else failed = qps;
    }
    return { qps: Math.round(held), measuredAt: new Date().toISOString() };
  } finally {
    answerer.close();
  }
}

async function tried(
  { sending, query, shards, cpus }: CeilingOptions,
  { address, port }: Answerer,
  rateQps: number,
  signal: AbortSignal,
): Promise<boolean> {
  const source: QuerySource = { summary: "calibration", repeats: [query], next: async () => [], close: async () => {} };
  const setting: Setting = {
    sending: { ...sending, target: { address, port }, timeoutMs, sources: [] },
    objective: noLoss,
    shards,
    cpus,
  };
  for (let turn = 0; turn < tries; turn++) {
    const offer = { kind: "rate", rateQps, seconds: stepSeconds } as const;
    const trial = await runTrial(setting, source, offer, { signal, endEarly: false, onProgress: () => {} });
    signal.throwIfAborted();
    if (trial.limited_by_generator === null && trial.misses.length === 0) return true;
  }
  return false;
}

/** ceilingKey names all that a ceiling depends on, `version` being anyprobe's. */
export function ceilingKey({ sending, query, shards, cpus }: CeilingOptions, version: string): string {
  const [{ model = "" } = {}] = hostCpus();
  const { target, train, ports, arrivals } = sending;
  // A few octets more cost nothing that could be measured.
  const octets = 64 * Math.ceil(compile(query).bytes.length / 64);
  // Of the CPUs, those that this process may use.
  const where = ["anyprobe", version, "linux", release(), model.trim(), `x${availableParallelism()}`];
  const how = [`ipv${familyOf(target.address)}`, `octets ${octets}`, `train ${train}`, `ports ${ports}`, arrivals];
  return [...where, ...how, `shards ${shards}`, `cpus ${cpus.join("+") || "any"}`].join(" ");
}

const schemaVersion = 1;
/** What else changes on a host in a month is not in the key. */
const mostAgeMs = 30 * 24 * 3600 * 1000;

/**
 * cachedCeiling gives the ceiling that the file at `path` has for a key, where it is not too old; else it measures, and keeps
 * what it found in the file. A file that cannot be read or understood is as good as none and is written anew; one that cannot
 * be written only means that the next run measures again. `fresh`: measure in any case.
 */
export async function cachedCeiling(
  path: string,
  key: string,
  measure: () => Promise<Ceiling>,
  { fresh = false } = {},
): Promise<Ceiling> {
  const known = fresh ? undefined : readCeilings(path)[key];
  const ageMs = Date.now() - Date.parse(known?.measuredAt ?? "");
  if (known && ageMs >= 0 && ageMs < mostAgeMs) return known;
  const ceiling = await measure();
  // Read again: another run may have written meanwhile.
  writeCeilings(path, { ...readCeilings(path), [key]: ceiling });
  return ceiling;
}

function readCeilings(path: string): Record<string, Ceiling> {
  try {
    const file = JSON.parse(readFileSync(path, "utf8"));
    if (file.schema_version !== schemaVersion) return {};
    const entries = Object.entries(file.ceilings as Record<string, { qps: unknown; measured_at: unknown }>);
    return Object.fromEntries(
      entries.flatMap(([key, { qps, measured_at: at }]) =>
        typeof qps === "number" && qps >= 0 && typeof at === "string" ? [[key, { qps, measuredAt: at }]] : [],
      ),
    );
  } catch {
    return {};
  }
}

function writeCeilings(path: string, ceilings: Readonly<Record<string, Ceiling>>): void {
  const entries = Object.entries(ceilings).map(([key, { qps, measuredAt }]) => [key, { qps, measured_at: measuredAt }]);
  const text = JSON.stringify({ schema_version: schemaVersion, ceilings: Object.fromEntries(entries) }, undefined, 2);
  const temporary = `${path}.${randomUUID()}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, `${text}\n`);
    renameSync(temporary, path);
  } catch {
    discard(temporary);
  }
}

function discard(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // It was never written: what should hold it is no directory.
  }
}
