// By what the demo sees that something happened: the stage's own watch of the kernel, the monitor of the neighbour's table,
// and, of the daemon's decisions, what the daemon says of them. A witness waits; one that sees nothing in time says so.
import type { CheckReport, Status } from "../run/status.js";
import type { RouteMonitor } from "./route-monitor.js";
import type { Stage } from "./stage.js";
import type { LogEntry } from "./stage-verb.js";
import type { EventName } from "./timeline.js";

/** Seen is something that happened, and when, on CLOCK_MONOTONIC. */
export interface Seen {
  readonly atNs: number;
  readonly detail: string;
  readonly table?: string;
}

/** Witness waits for an event at or after a moment; undefined where it does not come in time. */
export interface Witness {
  readonly event: EventName;
  readonly sees: (sinceNs: number, withinMs: number) => Promise<Seen | undefined>;
}

/** socketGone sees the kernel tell of the end of the answerer's socket: the daemon's hint. */
export function socketGone(stage: Stage): Witness {
  return {
    event: "told",
    sees: async (sinceNs, withinMs) => {
      const seen = await stage.until("socket-gone", sinceNs, withinMs);
      return seen && { ...seen, detail: "the kernel tells that its socket is gone" };
    },
  };
}

/** addressGone sees the address leave the device. */
export function addressGone(stage: Stage, address: string, label: string): Witness {
  return {
    event: "address-gone",
    sees: async (sinceNs, withinMs) => {
      const seen = await stage.until("address-gone", sinceNs, withinMs);
      return seen && { ...seen, detail: `${address}/32 is gone from ${label}` };
    },
  };
}

/** addressBack sees the address return under its label. */
export function addressBack(stage: Stage, address: string, label: string): Witness {
  return {
    event: "address-back",
    sees: async (sinceNs, withinMs) => {
      const seen = await stage.until("address-back", sinceNs, withinMs, (event) => event.label === label);
      return seen && { ...seen, detail: `${address}/32 is back on ${label}` };
    },
  };
}

/** routeGone sees the neighbour's kernel drop the route via this next hop. */
export function routeGone(monitor: RouteMonitor, address: string, nextHop: string): Witness {
  return routeSeen(monitor, "route-gone", "gone from", address, (hops) => !hops.includes(nextHop));
}

/** routeBack sees the neighbour's kernel have it again, and shows the table. */
export function routeBack(
  monitor: RouteMonitor,
  address: string,
  nextHop: string,
  table: () => Promise<string>,
): Witness {
  const { event, sees } = routeSeen(monitor, "route-back", "back in", address, (hops) => hops.includes(nextHop));
  return { event, sees: withTable(sees, table) };
}

/** withTable has what is seen carry the neighbour's table of that moment. */
export function withTable(sees: Witness["sees"], table: () => Promise<string>): Witness["sees"] {
  return async (sinceNs, withinMs) => {
    const seen = await sees(sinceNs, withinMs);
    return seen && { ...seen, table: await table() };
  };
}

function routeSeen(
  monitor: RouteMonitor,
  event: EventName,
  verb: string,
  address: string,
  wanted: (nextHops: readonly string[]) => boolean,
): Witness {
  return {
    event,
    sees: async (sinceNs, withinMs) => {
      // The monitor rejects where nothing comes in time, which is told as what it is: not seen.
      const seen = await monitor.until(address, wanted, sinceNs, withinMs).catch(() => undefined);
      return seen && { atNs: seen.atNs, detail: `the route via e1 is ${verb} r1's kernel table` };
    },
  };
}

/** daemonReady hears the daemon say that it is ready. */
export function daemonReady(stage: Stage): Witness {
  return {
    event: "probing",
    sees: async (sinceNs, withinMs) => {
      const line = await stage.until("log", sinceNs, withinMs, ({ entry }) => entry.event === "start");
      if (!line) return undefined;
      const source = (await readStatus(stage))?.sources[0]?.address;
      return source === undefined
        ? undefined
        : { atNs: line.atNs, detail: `the daemon is ready: it probes from ${source}` };
    },
  };
}

const states = { rising: "the first probe passes: rising", up: "up", down: "down" } as const;

/** entered hears of the check's new state. When that was, the daemon tells on the clock that we share; its log comes later. */
export function entered(stage: Stage, event: EventName, to: keyof typeof states): Witness {
  const fits = (entry: LogEntry) => entry.event === "check" && entry.to === to;
  return {
    event,
    sees: async (sinceNs, withinMs) => {
      const line = await stage.until("log", sinceNs, withinMs, ({ entry }) => fits(entry));
      if (!line) return undefined;
      const check = await readCheck(stage);
      const atNs = check?.state === to && check.sinceNs !== null ? check.sinceNs : line.atNs;
      return { atNs, detail: to === "rising" ? states[to] : `${states[to]}: ${line.entry.reason}` };
    },
  };
}

/** settled hears the daemon say that what it wanted is so, read back from the router or the kernel. */
export function settled(stage: Stage, announcement: "withdrawn" | "announced"): Witness {
  const fits = (entry: LogEntry) => entry.event === "route" && entry.announcement === announcement;
  return {
    event: announcement,
    sees: async (sinceNs, withinMs) => {
      const line = await stage.until("log", sinceNs, withinMs, ({ entry }) => fits(entry));
      return line && { atNs: line.atNs, detail: `the daemon: ${line.entry.msg}` };
    },
  };
}

/** readCheck asks the daemon for its one check; undefined where it does not answer. */
export async function readCheck(stage: Stage): Promise<CheckReport | undefined> {
  return (await readStatus(stage))?.services[0]?.prefixes[0]?.checks[0];
}

async function readStatus(stage: Stage): Promise<Status | undefined> {
  try {
    return await stage.call("status");
  } catch {
    return undefined;
  }
}
