// The demo's story: a service lives, dies, is withdrawn, comes back, is announced again. Whatever is told here has been
// seen: by the stage in the kernel, by the route monitor at the neighbour, or in what the daemon itself says of its checks.
import { setTimeout as sleep } from "node:timers/promises";
import type { CheckReport } from "../run/status.js";
import { monotonicNs, nsPerMs } from "../units.js";
import type { AnswererOptions } from "./answerer.js";
import type { Stage } from "./stage.js";
import { type EventName, events, type Step, withinMs } from "./timeline.js";
import { daemonReady, entered, readCheck, type Seen, settled, socketGone, type Witness, withTable } from "./witness.js";

/** How long an act lasts when nothing happens any more, so that people can follow and a relapse would show. */
const pauseMs = 1000;
/** What is awaited comes in the end, or `withinMs` is over: seen late it is still told, and found to be too late. */
const patienceMs = withinMs + 2000;

/** Setting is what a story is about. */
export interface Setting {
  /** The anycast address, IPv4. */
  readonly address: string;
  /** Its label on lo. */
  readonly label: string;
  readonly port: number;
  /** As in the config. */
  readonly stableFor: string;
}

/** Scene is where the story plays, and by what its withdrawal and its return are seen. */
export interface Scene {
  readonly stage: Stage;
  readonly answerer: AnswererOptions;
  /** The arguments of `anyprobe`, and the config that they name. */
  readonly command: { readonly argv: readonly string[]; readonly config?: string };
  readonly ready: string;
  readonly gone: readonly Witness[];
  /** Looks once more, after a pause. */
  readonly away: () => Promise<{ readonly ok: boolean; readonly detail: string; readonly table?: string }>;
  readonly back: readonly Witness[];
  /** The neighbour's table, where there is a neighbour. */
  readonly table?: () => Promise<string>;
}

/** OpenScene is a scene, and how to clear it away. */
export interface OpenScene {
  readonly scene: Scene;
  /** What kind of namespace it plays in. */
  readonly namespace: string;
  readonly close: () => Promise<void>;
}

/** Audience is told what happens as it happens, and what is being waited for. */
export interface Audience {
  readonly onStep: (step: Step) => void;
  readonly onWait: (what: string) => void;
}

/** Story plays once. It ends early when something that the rest rests on does not happen. */
export class Story {
  readonly steps: Step[] = [];
  /** How the check stood at the end; undefined where the story did not come that far. */
  check: CheckReport | undefined;
  readonly #audience: Audience;
  readonly #startNs: number;

  constructor(audience: Audience, startNs: number) {
    this.#audience = audience;
    this.#startNs = startNs;
  }

  async play(scene: Scene): Promise<void> {
    if ((await this.#live(scene)) && (await this.#die(scene)) && (await this.#return(scene))) {
      this.check = await readCheck(scene.stage);
    }
  }

  async #live(scene: Scene): Promise<boolean> {
    const { stage } = scene;
    this.#tell("ready", { atNs: monotonicNs(), detail: scene.ready });
    const { address, port } = scene.answerer;
    const answerer = await stage.call("answer", scene.answerer);
    this.#tell("answering", {
      ...answerer,
      detail: `the answerer answers at ${address} port ${port} (pid ${answerer.pid})`,
    });
    const daemon = await stage.call("run", scene.command);
    this.#tell("started", { ...daemon, detail: `anyprobe run started (pid ${daemon.pid})` });
    const begun = await this.#all(daemon.atNs, [daemonReady(stage), entered(stage, "passing", "rising")]);
    if (!begun) return false;
    const up = entered(stage, "up", "up");
    const sees = scene.table ? withTable(up.sees, scene.table) : up.sees;
    return this.#all(daemon.atNs, [{ ...up, sees }]);
  }

  async #die(scene: Scene): Promise<boolean> {
    const { stage } = scene;
    await sleep(pauseMs);
    const { pid, atNs } = await stage.call("kill");
    this.#tell("killed", { atNs, detail: `kill -9 of the answerer (pid ${pid})` });
    const gone = await this.#all(atNs, [
      ...(stage.blind === null ? [socketGone(stage)] : []),
      entered(stage, "down", "down"),
      ...scene.gone,
      settled(stage, "withdrawn"),
    ]);
    if (!gone) return false;
    await sleep(pauseMs);
    const { ok, ...look } = await scene.away();
    if (ok) this.#tell("stays-away", { ...look, atNs: monotonicNs() });
    return ok;
  }

  async #return(scene: Scene): Promise<boolean> {
    const { stage } = scene;
    const { pid, atNs } = await stage.call("answer", scene.answerer);
    this.#tell("returned", { atNs, detail: `the answerer is started again (pid ${pid})` });
    if (!(await this.#all(atNs, [entered(stage, "recovering", "rising")]))) return false;
    return this.#all(atNs, [entered(stage, "stable", "up"), ...scene.back, settled(stage, "announced")]);
  }

  /** Waits for all at once and tells them in the order in which they happened; false where one did not come. */
  async #all(sinceNs: number, witnesses: readonly Witness[]): Promise<boolean> {
    this.#audience.onWait(events[witnesses[0]!.event]);
    const seen = await Promise.all(
      witnesses.map(async ({ event, sees }) => ({ event, seen: await sees(sinceNs, patienceMs) })),
    );
    const came = seen.flatMap(({ event, seen }) => (seen ? [{ event, ...seen }] : []));
    for (const { event, ...rest } of came.toSorted((a, b) => a.atNs - b.atNs)) this.#tell(event, rest, sinceNs);
    return came.length === witnesses.length;
  }

  #tell(event: EventName, { atNs, detail, table }: Seen, sinceNs?: number) {
    const step: Step = {
      event,
      atMs: ms(atNs - this.#startNs),
      detail,
      ...(sinceNs !== undefined && { tookMs: ms(atNs - sinceNs) }),
      ...(table !== undefined && { table }),
    };
    this.steps.push(step);
    this.#audience.onStep(step);
  }
}

/** To the microsecond: what is below is not ours to tell. */
function ms(ns: number): number {
  return Math.round(ns / 1e3) / (nsPerMs / 1e3);
}
