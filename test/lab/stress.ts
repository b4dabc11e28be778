// What befalls a host and not its service: a daemon that stands still, a clock that is set, a disk that is full, rivals for the
// CPU. Nothing is withdrawn for it, and no order ends before its time.
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ended } from "../../src/demo/frr.js";
import { monotonicNs, nsPerMs } from "../../src/units.js";
import type { DaemonProcess } from "../support/daemon.js";
import { SteppedClock } from "./clock-step.js";
import { bars, cpuSeconds, type Experiment, round } from "./figures.js";
import { anycast, Lab } from "./lab.js";
import { SmallDisk } from "./small-disk.js";
import { announced, type Figures, lateMs, leaseS, ordered, Stage } from "./stress-stage.js";

export interface StressTerms {
  readonly cases: readonly string[];
  readonly stallMs: number;
  readonly rivalMs: number;
}

interface Case {
  /** Of its own figures. */
  readonly bounds?: Figures;
  inflict(stage: Stage, terms: StressTerms): Promise<Figures>;
}

const hourS = 3600;
/** Long enough for what is new to do its harm: two ticks. */
const heedMs = 2000;

const cases: Readonly<Record<string, Case>> = {
  stall: {
    bounds: { lease_not_lost: 0, lease_back_ms: 1000 },
    inflict: (stage, { stallMs }) => {
      const { lab, e1, e2, e3 } = stage;
      const all = [e1, e2, e3].map((endpoint) => stage.daemonOf(endpoint));
      // The third has a lease, which the stall outlives.
      return stage.endure(stallMs + 3000, [e1, e2], async () => {
        const stoppedNs = monotonicNs();
        for (const daemon of all) daemon.signal("SIGSTOP");
        await sleep(stallMs);
        const kept = (await lab.network.nextHops(anycast)).includes(e3.gateway);
        const onNs = monotonicNs();
        for (const daemon of all) daemon.signal("SIGCONT");
        if (kept) return { lease_not_lost: 1 };
        const backNs = await lab.backAtR1(e3, await lab.goneFromR1(e3, stoppedNs));
        await stage.daemonOf(e3).until(announced);
        return { lease_not_lost: 0, lease_back_ms: round((backNs - onNs) / nsPerMs) };
      });
    },
  },
  rival: {
    inflict: (stage, { rivalMs }) => {
      const { e1, e2, e3 } = stage;
      return stage.endure(rivalMs / 2, [e1, e2, e3], async () => {
        // They end by themselves, by their CPU time, if this process cannot end them.
        const script = `ulimit -t ${Math.ceil(rivalMs / 1000) + 10}; while :; do :; done`;
        const rivals = cpus().map(() => spawn("sh", ["-c", script]));
        await sleep(rivalMs);
        const used = rivals.reduce((sum, { pid }) => sum + cpuSeconds(pid!), 0);
        for (const rival of rivals) rival.kill("SIGKILL");
        await Promise.all(rivals.map(ended));
        return { rivals_cpu_percent: round((100 * used) / (rivalMs / 1000), 0) };
      });
    },
  },
  clock: {
    bounds: { clock_unmoved: 0, stamps_unmoved: 0 },
    inflict: async (stage) => {
      const { lab, e1, e2, e3 } = stage;
      const clock = new SteppedClock(lab.directory);
      const env = { env: clock.env };
      const [, steady] = await Promise.all([stage.run(e1, env), stage.run(e2, env)]);
      const figures = await stage.endure(6 * heedMs, [e1, e2, e3], async () => {
        const before = await fallbacks(steady);
        clock.step(hourS);
        await sleep(heedMs);
        // An order outlives a restart by the time since boot, whatever the wall clock says.
        await stage.daemonOf(e1).kill();
        const { time } = await (await stage.run(e1, env)).logged(({ event }) => event === "start");
        const aheadS = (Date.parse(time) - Date.now()) / 1000;
        for (const seconds of [0, -hourS, 0]) {
          clock.step(seconds);
          await sleep(heedMs);
        }
        return {
          clock_unmoved: Math.abs(aheadS - hourS) < 60 ? 0 : 1,
          stamps_unmoved: (await fallbacks(steady)) > before ? 0 : 1,
        };
      });
      await Promise.all([stage.run(e1), stage.run(e2)]);
      return figures;
    },
  },
  disk: {
    bounds: { stale_not_kept: 0, fresh_not_written: 0 },
    inflict: async (stage) => {
      const { lab, e1, e2, e3 } = stage;
      const directory = join(lab.directory, "disk");
      mkdirSync(directory, { recursive: true });
      const disk = await SmallDisk.mount(directory);
      const orders = () => JSON.parse(disk.read("state.json")).orders.length;
      const start = () => stage.run(e1, { wrapper: disk.wrapper }, { state: join(directory, "state.json") });
      try {
        await start();
        const figures = await stage.endure(10_000, [e1, e2, e3], async () => {
          disk.fill();
          // The order's own withdrawal is to be remembered, and there is no room.
          await stage.daemonOf(e1).logged(({ event, msg }) => event === "state" && msg.includes("ENOSPC"));
          await stage.daemonOf(e1).kill();
          await start();
          return { stale_not_kept: orders() === 1 ? 0 : 1 };
        });
        disk.clear();
        await sleep(heedMs);
        return { ...figures, fresh_not_written: orders() === 0 ? 0 : 1 };
      } finally {
        await stage.run(e1);
        await disk.close();
      }
    },
  },
};

/** caseNames are the kinds of stress. */
export const caseNames: readonly string[] = Object.keys(cases);

export const stress: Experiment = {
  summary:
    "a daemon stopped for 5 s, clock steps of an hour, a full disk, rivals for the CPU for 30 s: nothing goes for it",
  run: ({ only, seconds = 30 }, say) => {
    const chosen = caseNames.filter((name) => only === undefined || name === only);
    return measureStress({ cases: chosen, stallMs: 5000, rivalMs: seconds * 1000 }, say);
  },
};

/** measureStress goes through the cases in one network. */
export async function measureStress(terms: StressTerms, say: (text: string) => void) {
  const figures: Record<string, Figures> = {};
  const failures: string[] = [];
  await using lab = await Lab.create({ prefixes: [anycast, ordered] });
  const stage = await Stage.open(lab);
  for (const name of terms.cases) {
    const { inflict, bounds } = cases[name]!;
    const found = await inflict(stage, terms);
    figures[name] = found;
    say(`${name}: ${JSON.stringify(found)}`);
    const always = { withdrawals: 0, orders_early_ms: 0, orders_late_ms: lateMs };
    failures.push(...bars(name, found, { ...always, ...bounds }));
  }
  const clock = "stepped for the daemons alone, by their C library; the kernel's own stamps did not follow";
  return { figures, failures, environment: { clock, rivals: cpus().length, lease_s: leaseS } };
}

/** How many receive stamps made no sense beside the daemon's own clock. */
async function fallbacks(daemon: DaemonProcess): Promise<number> {
  return (await daemon.status()).counters.stampFallbacks;
}
