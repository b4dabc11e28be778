// Compiling a plan: query templates and targets become the two buffers that the addon reads, once per plan.
import type { Plan, Probe, Schedule } from "../probe/plan.js";
import type { Query } from "../probe/query.js";
import { addressBytes, type Family, familyOf } from "../probe/target.js";
import { type Template, templateOf } from "../probe/template.js";
import { nsPerMs, nsPerUs } from "../units.js";
import type { Layout } from "./addon.js";
import { expectInteger, expectNumber, expectTime } from "./expect.js";

/** CompiledPlan is a plan as octets, with its schedule as numbers. */
export interface CompiledPlan {
  readonly templates: Uint8Array;
  readonly table: Uint8Array;
  readonly schedule: NativeSchedule;
}

/** NativeSchedule is what the addon's submit() takes beside the two buffers. */
export interface NativeSchedule {
  /** 0: no rate. */
  readonly rateQps: number;
  readonly poisson: boolean;
  /** 0: no closed loop. With neither, and no replay, each target by its own interval. */
  readonly inflight: number;
  /** Each target once, at its own time. */
  readonly replay: boolean;
  /** CLOCK_MONOTONIC; 0: now. */
  readonly startNs: number;
  /** 0: without end. */
  readonly count: number;
  readonly timeoutNs: number;
  readonly ports: number;
  readonly train: number;
  readonly trainNs: number;
  readonly transmitStamps: boolean;
  /** Packets of our own making. */
  readonly raw: boolean;
  /** 0: where there is room. */
  readonly firstPort: number;
  /** 0: none. */
  readonly mark: number;
  readonly localOnly: boolean;
  /** 4 octets; zeros leave the choice to the kernel. */
  readonly source4: Uint8Array;
  /** 16 octets; likewise. */
  readonly source6: Uint8Array;
}

/** compilePlan packs a plan; its probes get the numbers from `first` on. Throws TypeError or RangeError on a bad plan. */
export function compilePlan(plan: Plan, first: number, layout: Layout): CompiledPlan {
  expectPlan(plan);
  expectTransport(plan);
  const raw = plan.transport === "raw";
  const { queries, numbers } = numberQueries(plan.probes);
  return {
    templates: packTemplates(queries.map(templateOf), layout),
    table: packTable(plan, numbers, first, layout),
    schedule: {
      rateQps: "rateQps" in plan.schedule ? plan.schedule.rateQps : 0,
      poisson: "rateQps" in plan.schedule && plan.schedule.arrivals === "poisson",
      inflight: "inflight" in plan.schedule ? plan.schedule.inflight : 0,
      replay: "replay" in plan.schedule,
      startNs: Math.round(startOf(plan.schedule) ?? 0),
      count: plan.schedule.count ?? 0,
      timeoutNs: Math.round(plan.timeoutMs * nsPerMs),
      ports: portsOf(plan),
      train: trainOf(plan),
      trainNs: Math.round((plan.trainUs ?? defaultTrainUs) * nsPerUs),
      transmitStamps: plan.transmitStamps ?? false,
      raw,
      firstPort: plan.firstPort ?? 0,
      mark: plan.mark ?? 0,
      localOnly: plan.localOnly ?? false,
      source4: sourceBytes(plan.source?.ipv4, 4),
      source6: sourceBytes(plan.source?.ipv6, 6),
    },
  };
}

/** numberQueries finds the queries that differ, and which of them each probe asks. */
function numberQueries(probes: readonly Probe[]) {
  const known = new Map<Query, number>();
  const numbers = new Uint32Array(probes.length);
  probes.forEach(({ query }, i) => {
    const number = known.get(query);
    if (number === undefined) known.set(query, known.size);
    numbers[i] = number ?? known.size - 1;
  });
  return { queries: [...known.keys()], numbers };
}

/** The slowest and the fastest rate; native/plan.h has them as well. */
const lowestQps = 1e-6;
const highestQps = 1e9;
/** The most source ports, the longest time and the longest train; likewise. */
const mostPorts = 1024;
const longestNs = 1e18;
const longestTrain = 128;

/** Enough for every worker of a server and every path of a network to get its share. */
const defaultPorts = 64;
/** What every kernel with UDP_SEGMENT takes. */
const defaultTrain = 64;
const defaultTrainUs = 50;

function expectPlan(plan: Plan): void {
  const { probes, schedule, timeoutMs, mark = 0, ports = 1, train = 1, trainUs = 0 } = plan;
  if (probes.length === 0) throw new RangeError("probes: expected one at least");
  if ("rateQps" in schedule) expectNumber("schedule.rateQps", schedule.rateQps, lowestQps, highestQps);
  else if ("inflight" in schedule) expectInteger("schedule.inflight", schedule.inflight, 1, 2 ** 24);
  else if ("replay" in schedule) expectReplay(schedule, probes);
  else expectTime("schedule.intervalMs", schedule.intervalMs);
  expectInteger("schedule.count", schedule.count ?? 0, 0, Number.MAX_SAFE_INTEGER);
  const start = startOf(schedule);
  if (start !== undefined) expectNumber("schedule.startNs", start, 1, longestNs);
  expectNumber("timeoutMs", timeoutMs, 1e-3, 1e12);
  expectInteger("mark", mark, 0, 2 ** 32 - 1);
  expectInteger("ports", ports, 1, mostPorts);
  expectInteger("train", train, 1, longestTrain);
  expectNumber("trainUs", trainUs, 0, 1e9);
  probes.forEach(({ target, intervalMs = 0 }, i) => {
    // The names are words of a fault only: to make them for each good probe would take longer than all else.
    if (!(Number.isInteger(target.port) && target.port >= 1 && target.port <= 65535))
      expectInteger(`probes[${i}].target.port`, target.port, 1, 65535);
    if (intervalMs !== 0) expectTime(`probes[${i}].intervalMs`, intervalMs);
  });
}

function expectReplay({ replay }: { readonly replay: boolean }, probes: readonly Probe[]): void {
  if (replay !== true) throw new TypeError(`schedule.replay: expected true, got ${JSON.stringify(replay)}`);
  probes.forEach(({ atNs }, i) => {
    if (!(atNs! >= 0 && atNs! <= longestNs)) expectNumber(`probes[${i}].atNs`, atNs as number, 0, longestNs);
  });
}

function startOf(schedule: Schedule): number | undefined {
  return "startNs" in schedule ? schedule.startNs : undefined;
}

function portsOf({ ports, schedule }: Plan): number {
  return ports ?? ("intervalMs" in schedule ? 1 : defaultPorts);
}

/** trainOf tells the longest train: one, where each probe has its own time or its own packet. */
function trainOf({ train = defaultTrain, schedule, transport }: Plan): number {
  return "intervalMs" in schedule || "replay" in schedule || transport === "raw" ? 1 : train;
}

/** expectTransport sees that only the raw transport is asked for what only it can do, and not for what it cannot. */
function expectTransport(plan: Plan): void {
  const { probes, transport = "socket", firstPort, train = 1, transmitStamps } = plan;
  if (transport !== "socket" && transport !== "raw") {
    throw new TypeError(`transport: expected "socket" or "raw", got ${JSON.stringify(transport)}`);
  }
  if (transport === "raw") {
    if (firstPort !== undefined) expectInteger("firstPort", firstPort, 1, 65_536 - portsOf(plan));
    if (train !== 1) throw new RangeError(`train: the raw transport sends none, expected 1, got ${train}`);
    if (transmitStamps) throw new TypeError("transmitStamps: the raw transport takes none");
    return;
  }
  if (firstPort !== undefined) throw new TypeError('firstPort: expected transport "raw" with it');
  const own = probes.findIndex(({ source }) => source !== undefined);
  if (own >= 0) throw new TypeError(`probes[${own}].source: expected transport "raw" with it`);
}

function sourceBytes(address: string | undefined, family: Family, path = "source"): Uint8Array {
  if (!address) return new Uint8Array(family === 4 ? 4 : 16);
  if (familyOf(address) !== family) throw new TypeError(`${path}: expected an IPv${family} address, got "${address}"`);
  return addressBytes(address);
}

function packTemplates(templates: readonly Template[], { template: head }: Layout): Uint8Array {
  const octets = new Uint8Array(templates.reduce((sum, { bytes }) => sum + head.size + bytes.length, 0));
  const view = new DataView(octets.buffer);
  let at = 0;
  for (const { bytes, idAt, questionLength } of templates) {
    view.setUint16(at + head.length, bytes.length, true);
    view.setInt16(at + head.idAt, idAt, true);
    view.setUint16(at + head.questionLength, questionLength, true);
    octets.set(bytes, at + head.size);
    at += head.size + bytes.length;
  }
  return octets;
}

function packTable(plan: Plan, numbers: Uint32Array, first: number, { target: row }: Layout) {
  const octets = new Uint8Array(plan.probes.length * row.size);
  const view = new DataView(octets.buffer);
  const replay = "replay" in plan.schedule;
  const scheduledMs = "intervalMs" in plan.schedule ? plan.schedule.intervalMs : 0;
  // Most plans have few addresses, and many probes to each.
  let address: string | undefined;
  let addressOctets: Uint8Array = new Uint8Array();
  let family: Family = 4;
  plan.probes.forEach(({ target, intervalMs = scheduledMs, atNs = 0, source }: Probe, i) => {
    const at = i * row.size;
    const intervalNs = intervalMs * nsPerMs;
    if (target.address !== address) {
      address = target.address;
      addressOctets = addressBytes(address);
      family = familyOf(address);
    }
    view.setFloat64(at + row.startNs, replay ? atNs : startNs(i, plan.probes.length, intervalNs), true);
    view.setFloat64(at + row.intervalNs, intervalNs, true);
    view.setUint32(at + row.probe, first + i, true);
    view.setUint32(at + row.query, numbers[i]!, true);
    octets.set(addressOctets, at + row.address);
    view.setUint16(at + row.port, target.port, true);
    octets[at + row.family] = family;
    if (source) octets.set(sourceBytes(source, family, `probes[${i}].source`), at + row.source);
  });
  return octets;
}

/** startNs spreads the first starts of `total` probes evenly over the interval; native/pacer.h then puts them on its grid. */
export function startNs(i: number, total: number, intervalNs: number): number {
  return (i * intervalNs) / total;
}
