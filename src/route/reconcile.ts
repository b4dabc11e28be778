// Reconciling: wanted against observed, level by level, until the routers hold what the decision wants. Only read-back
// changes what is observed; a step that failed is tried again; what an operator took away by hand is left alone.
import { formatDuration, monotonicNs, nsPerMs } from "../units.js";
import type { Announcement, Change, Driver, DriverEvent } from "./driver.js";
import { Lane, risesTo } from "./lane.js";
import type { Prefix } from "./prefix.js";
import { canDeprefer, isAs, type ManualOrder, type PrefixStatus, standing } from "./prefix-status.js";
import type { RouteEvent } from "./route-event.js";
import { hasMoved, type Step, wroteNothing } from "./step.js";

export type { ManualOrder, PrefixStatus } from "./prefix-status.js";
export type { RouteEvent } from "./route-event.js";

/** ReconcilerOptions is at what pace prefixes are moved, and who is told. */
export interface ReconcilerOptions {
  /** No two changes within this, unless they leave together. ms */
  readonly minGapMs: number;
  /** No two actions of a driver that announce or prefer more within this. Never delays a withdrawal. ms; default 0 */
  readonly announceGapMs?: number;
  readonly respectManual: (prefix: Prefix) => boolean;
  readonly onEvent: (event: RouteEvent) => void;
  /** Orders that an earlier reconciler knew of. */
  readonly manual?: ReadonlyMap<Prefix, ManualOrder>;
  /** It begins frozen: see `freeze`. */
  readonly frozen?: boolean;
  /** How often to read back when nothing happens. ms; default 1000 */
  readonly refreshMs?: number;
}

const [firstVerifyMs, longestVerifyMs] = [10, 320];
/** A router heeds a change of its host within tens of milliseconds. */
const doubtMs = 500;
const unseen = "somebody unseen";

interface Wanted {
  readonly announcement: Announcement;
  /** Since when it is wanted or, once it was so, since when it is not any more. */
  sinceNs: number;
  settled: boolean;
}

/** Reconciler moves prefixes through their drivers: in order for withdrawing, in reverse for announcing. */
export class Reconciler implements AsyncDisposable {
  readonly #lanes: readonly Lane[];
  readonly #route: ReadonlyMap<Prefix, readonly Lane[]>;
  readonly #options: ReconcilerOptions;
  readonly #wanted = new Map<Prefix, Wanted>();
  readonly #manual: Map<Prefix, ManualOrder>;
  /** The orders that were seen to be carried out. */
  readonly #away: Set<Prefix>;
  /** Changes of an earlier run that no driver here can undo: kept, as a later config may bring their driver back. */
  #orphans: readonly Change[] = [];
  readonly #doubts = new Map<Prefix, NodeJS.Timeout>();
  #changedNs = Number.NEGATIVE_INFINITY;
  #frozen: boolean;
  #verifyMs = firstVerifyMs;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** `route` lists each prefix's drivers in the order for withdrawing. */
  constructor(route: ReadonlyMap<Prefix, readonly Driver[]>, options: ReconcilerOptions) {
    this.#options = options;
    this.#frozen = options.frozen ?? false;
    this.#manual = new Map([...(options.manual ?? [])].filter(([prefix]) => route.has(prefix)));
    this.#away = new Set(this.#manual.keys());
    const drivers = new Set([...route.values()].flat());
    const lanes = new Map(
      [...drivers].map((driver) => {
        const prefixes = [...route.keys()].filter((prefix) => route.get(prefix)?.includes(driver));
        return [driver, new Lane(driver, prefixes)];
      }),
    );
    this.#lanes = [...lanes.values()];
    this.#route = new Map([...route].map(([prefix, drivers]) => [prefix, drivers.map((driver) => lanes.get(driver)!)]));
  }

  /** open gets the drivers ready and reads back once. Changes nothing that is announced. */
  async open(changes: readonly Change[], ways: readonly Change[] = []): Promise<void> {
    const concerns = (lane: Lane, { driver, prefix }: Change) =>
      lane.driver.name === driver && lane.prefixes.includes(prefix);
    this.#orphans = changes.filter((change) => !this.#lanes.some((lane) => concerns(lane, change)));
    await Promise.all(
      this.#lanes.map(async (lane) => {
        const [own, seen] = [changes, ways].map((all) => all.filter((change) => concerns(lane, change)));
        await lane.driver.open(own!, (event) => this.#notice(lane, event), seen!);
        await lane.refresh();
      }),
    );
    this.#endOrders();
    this.#wakeIn(this.#options.refreshMs ?? 1000);
  }

  /** want says what a prefix is to be from now on; true where that is new. Nothing moves before step(). */
  want(prefix: Prefix, announcement: Announcement): boolean {
    if (this.#wanted.get(prefix)?.announcement === announcement) return false;
    this.#wanted.set(prefix, { announcement, sinceNs: monotonicNs(), settled: false });
    return true;
  }

  /** release wants nothing of a prefix any more: it stays as it is until it is wanted again. */
  release(prefix: Prefix): void {
    this.#wanted.delete(prefix);
  }

  /** freeze stops all acting, or lets it go on. What is wanted, read back and heard meanwhile is kept. */
  freeze(frozen: boolean): void {
    this.#frozen = frozen;
    this.step();
  }

  /** hold leaves a prefix alone as if it had been taken away by hand: until it appears again, or `letGo`. */
  hold(prefix: Prefix, order: ManualOrder): void {
    this.#manual.set(prefix, order);
  }

  /** letGo ends the order of a prefix, if there is one; true where there was. */
  letGo(prefix: Prefix): boolean {
    this.#away.delete(prefix);
    return this.#manual.delete(prefix);
  }

  /** canDeprefer tells whether a driver of the prefix has rungs that it can use now. */
  canDeprefer(prefix: Prefix): boolean {
    return canDeprefer(prefix, this.#route.get(prefix)!);
  }

  /**
   * doubt says that something changed that the routers of a prefix take a moment to heed, as its address: until they were
   * read again a few times, nothing about it is verified.
   */
  doubt(prefix: Prefix): void {
    if (this.#closed) return;
    clearTimeout(this.#doubts.get(prefix));
    const timer = setTimeout(async () => {
      await Promise.all(this.#route.get(prefix)!.map((lane) => lane.refresh()));
      // A newer doubt has its own time.
      if (this.#doubts.get(prefix) === timer) this.#doubts.delete(prefix);
      this.#act();
    }, doubtMs);
    this.#doubts.set(prefix, timer);
    this.#verifyMs = firstVerifyMs;
    this.#wakeIn(firstVerifyMs);
  }

  /** step does what can be done now; returns at once. Call it after want, once for all prefixes that changed together. */
  step(): void {
    if (this.#closed) return;
    this.#verifyMs = firstVerifyMs;
    this.#act();
  }

  /** status tells how all prefixes stand. */
  status(): readonly PrefixStatus[] {
    return [...this.#route.keys()].map((prefix) => this.statusOf(prefix));
  }

  /** manual lists the orders in force. */
  manual(): ReadonlyMap<Prefix, ManualOrder> {
    return this.#manual;
  }

  /** changes lists what must be undone after a restart, for the state file. */
  changes(): readonly Change[] {
    return [...this.#lanes.flatMap((lane) => lane.driver.changes()), ...this.#orphans];
  }

  /** ways lists how prefixes were last seen announced, for the state file. */
  ways(): readonly Change[] {
    return this.#lanes.flatMap((lane) => lane.driver.ways?.() ?? []);
  }

  /** orphans lists the changes among them that no driver here can undo. */
  orphans(): readonly Change[] {
    return this.#orphans;
  }

  /** settledWithin resolves true when all prefixes are as wanted and verified, false after `ms`. */
  async settledWithin(ms: number): Promise<boolean> {
    const untilNs = monotonicNs() + ms * nsPerMs;
    while (!this.#allSettled()) {
      if (monotonicNs() > untilNs) return false;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return true;
  }

  /** close stops acting and lets all drivers go; what is announced stays. Rejects with what the first of them could not do. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const doubt of this.#doubts.values()) clearTimeout(doubt);
    const closed = await Promise.allSettled(this.#lanes.map((lane) => lane.driver.close()));
    const failed = closed.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  }
  readonly [Symbol.asyncDispose] = () => this.close();

  #act() {
    if (this.#closed) return;
    this.#endOrders();
    const nowNs = monotonicNs();
    // All before the first: what acts now must not keep waiting what leaves together with it.
    const ready = this.#gapNs(nowNs) > 0 ? [] : this.#steps().filter((step) => nowNs >= this.#readyNs(step));
    for (const step of ready) {
      const { lane, to, prefixes } = step;
      if (lane.busy) continue;
      // Steps of one pass leave together: only later ones have to keep the gap.
      const beforeNs = this.#changedNs;
      this.#changedNs = nowNs;
      void lane.act(to, prefixes).then((result) => {
        if (this.#closed) return;
        // What was refused before anything was written delays nothing else.
        if (wroteNothing(result.error) && this.#changedNs === nowNs && !hasMoved(step)) this.#changedNs = beforeNs;
        if (!result.repeated) this.#options.onEvent({ kind: "acted", ...result });
        this.#act();
      });
    }
    this.#noteSettled();
    this.#wakeIn(this.#nextWakeMs());
  }

  /** How long the gap after the last change still lasts. */
  #gapNs(nowNs: number): number {
    return this.#changedNs + this.#options.minGapMs * nsPerMs - nowNs;
  }

  /** When a step may be taken, as far as its lane is concerned. */
  #readyNs({ lane, rises, prefixes }: Step): number {
    const pacedNs = rises ? this.#raisedNs(lane) + (this.#options.announceGapMs ?? 0) * nsPerMs : 0;
    return Math.max(lane.readyNs(prefixes), pacedNs);
  }

  /** When anything was last announced at the router of a lane, or preferred more. */
  #raisedNs(lane: Lane): number {
    const { router } = lane.driver;
    const same = this.#lanes.filter((one) => one === lane || (router !== undefined && one.driver.router === router));
    return Math.max(...same.map(({ raisedNs }) => raisedNs));
  }

  /** The next step of each prefix, those of one lane and direction together. What goes down goes first: it waits for nothing that comes up. */
  #steps(): Step[] {
    const steps: Step[] = [];
    if (this.#frozen) return steps;
    for (const prefix of this.#route.keys()) {
      for (const [lane, to] of this.#stepsOf(prefix)) {
        const rises = risesTo(to, lane.observation(prefix).announcement);
        const known = steps.find((other) => other.lane === lane && other.to === to && other.rises === rises);
        if (known) known.prefixes.push(prefix);
        else steps.push({ lane, to, rises, prefixes: [prefix] });
      }
    }
    return steps.toSorted((a, b) => Number(a.rises) - Number(b.rises));
  }

  /**
   * What is to be done for a prefix now, driver by driver: the first that is not as wanted, and those after it where that one
   * cannot be read or has failed and the prefix is to go. Announcing waits for each.
   */
  #stepsOf(prefix: Prefix): [Lane, Announcement][] {
    const wanted = this.#wanted.get(prefix)?.announcement;
    if (!wanted || this.#manual.has(prefix)) return [];
    const steps: [Lane, Announcement][] = [];
    const lanes = this.#route.get(prefix)!;
    for (const lane of wanted === "withdrawn" ? lanes : lanes.toReversed()) {
      const { announcement, verified } = lane.observation(prefix);
      const target = lane.targetOf(prefix, wanted);
      const unread = announcement === "unknown" && !lane.driver.blind;
      // What cannot be read may still be written, and a dead one must go.
      if (announcement !== target && !(unread && wanted !== "withdrawn")) steps.push([lane, target]);
      const helpless = announcement !== target && (unread || lane.errors.has(prefix));
      const done = announcement === target && verified;
      if (!done && !(helpless && wanted === "withdrawn")) break;
    }
    return steps;
  }

  #nextWakeMs(): number {
    const refreshMs = this.#options.refreshMs ?? 1000;
    if (this.#allSettled()) return refreshMs;
    const nowNs = monotonicNs();
    // A busy lane comes back by itself.
    const ready = this.#steps().filter(({ lane }) => !lane.busy);
    if (ready.length > 0) {
      const firstNs = Math.min(...ready.map((step) => Math.max(this.#readyNs(step) - nowNs, this.#gapNs(nowNs))));
      return Math.min(refreshMs, Math.max(1, firstNs / nsPerMs));
    }
    // Something is under way in the routers: look soon, then less and less often.
    this.#verifyMs = Math.min(this.#verifyMs * 2, longestVerifyMs);
    return Math.min(refreshMs, this.#verifyMs);
  }

  #wakeIn(ms: number) {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#wake(), ms);
  }

  #wake() {
    this.#wakeIn(this.#options.refreshMs ?? 1000);
    for (const lane of this.#lanes) {
      if (!lane.busy) void lane.refresh().then(() => this.#act());
    }
  }

  #notice(lane: Lane, event: DriverEvent) {
    if (this.#closed) return;
    if (event.kind === "removed") this.#noticeRemoval(event.prefix, event.by);
    else if (event.kind === "appeared") this.#noticeAppearance(event.prefix, event.by);
    else this.#options.onEvent({ kind: "noticed", driver: lane.driver.name, event });
    void lane.refresh().then(() => this.#act());
  }

  /** Only a removal can be an order, and only of what we did not want away ourselves. */
  #noticeRemoval(prefix: Prefix, by: string) {
    if (this.#wanted.get(prefix)?.announcement === "withdrawn" || this.#manual.has(prefix)) return;
    if (!this.#options.respectManual(prefix)) return;
    this.#manual.set(prefix, { by, atNs: monotonicNs() });
    this.#options.onEvent({ kind: "manual", prefix, by });
  }

  #noticeAppearance(prefix: Prefix, by: string) {
    if (this.#manual.has(prefix)) this.#endOrder(prefix, by);
    else if (this.#wanted.get(prefix)?.announcement === "withdrawn") {
      this.#options.onEvent({ kind: "appeared", prefix, by });
    }
  }

  /** An order that was carried out ends when the prefix is there again, also where nobody told of it, as after a router's restart. */
  #endOrders() {
    for (const prefix of this.#manual.keys()) {
      const { observed } = this.statusOf(prefix);
      if (observed === "withdrawn") this.#away.add(prefix);
      else if (observed !== "unknown" && this.#away.has(prefix)) this.#endOrder(prefix, unseen);
    }
  }

  #endOrder(prefix: Prefix, by: string) {
    this.#manual.delete(prefix);
    this.#away.delete(prefix);
    this.#options.onEvent({ kind: "manual-ended", prefix, by });
  }

  #allSettled(): boolean {
    return [...this.#wanted].every(([prefix, { announcement }]) => {
      if (this.#manual.has(prefix)) return true;
      const { observed, verified } = this.statusOf(prefix);
      return (
        isAs(prefix, announcement, observed, this.#route.get(prefix)!) && verified && this.#stepsOf(prefix).length === 0
      );
    });
  }

  #noteSettled() {
    for (const [prefix, wanted] of this.#wanted) {
      const { observed, verified, reason } = this.statusOf(prefix);
      if (!isAs(prefix, wanted.announcement, observed, this.#route.get(prefix)!) || !verified) {
        if (wanted.settled) wanted.sinceNs = monotonicNs();
        wanted.settled = false;
      } else if (!wanted.settled) {
        wanted.settled = true;
        const { sinceNs } = wanted;
        const tookNs = monotonicNs() - sinceNs;
        this.#options.onEvent({
          kind: "settled",
          prefix,
          announcement: observed as Announcement,
          tookNs,
          ...(reason !== undefined && { reason }),
        });
      }
    }
  }

  /** statusOf tells how one prefix stands. */
  statusOf(prefix: Prefix): PrefixStatus {
    const status = standing(prefix, this.#wanted.get(prefix)?.announcement ?? "hold", this.#route.get(prefix)!);
    const manual = this.#manual.get(prefix);
    const paced = status.reason === undefined ? this.#pacedReason(prefix) : undefined;
    const verified = status.verified && !this.#doubts.has(prefix);
    return { ...status, verified, ...(paced !== undefined && { reason: paced }), ...(manual && { manual }) };
  }

  #pacedReason(prefix: Prefix): string | undefined {
    const [lane, to] = this.#stepsOf(prefix)[0] ?? [];
    if (!lane || !to || !risesTo(to, lane.observation(prefix).announcement)) return undefined;
    const gapMs = this.#options.announceGapMs ?? 0;
    const leftNs = this.#raisedNs(lane) + gapMs * nsPerMs - monotonicNs();
    if (leftNs <= 0) return undefined;
    return `announcements keep ${formatDuration(gapMs * nsPerMs)} between them: ${formatDuration(leftNs)} to go`;
  }
}
