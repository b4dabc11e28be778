// Watching the paths of an ECMP network: R1 spreads a client's flows over three endpoints, and `anyprobe watch --paths` in the client
// tells which endpoint answers on which path, which paths lead nowhere, and when flows move. What it tells is held against what
// R1's kernel says of each flow.
import { monotonicNs } from "../../src/units.js";
import { bars, type Experiment, round } from "./figures.js";
import { anycast, Lab } from "./lab.js";
import { hopsOf, PathWatcher } from "./path-watcher.js";

/** What the client asks. */
export const address = anycast.split("/")[0]!;
const firstPort = 42_000;
/** With 64 paths, so far from a third each is more than four times what chance would do. */
const mostDeviationPoints = 25;

/** WatchTerms are the sizes of one experiment. */
export interface WatchTerms {
  readonly paths: number;
  readonly sweepMs: number;
  /** After each change so many sweeps go by: an event that came twice would show. */
  readonly quietSweeps: number;
}

export const watch: Experiment = {
  summary: "R1 hashes over three endpoints: sites and their shares, black-holed paths, catchment shifts",
  async run(_, say) {
    await using lab = await Lab.create({ client: true });
    return await measureWatch(lab, { paths: 64, sweepMs: 1000, quietSweeps: 5 }, say);
  },
};

/** measureWatch breaks and mends paths of a lab with a client, one thing after another. */
export async function measureWatch(lab: Lab, terms: WatchTerms, say: (text: string) => void) {
  const { paths, sweepMs } = terms;
  const ports = Array.from({ length: paths }, (_, i) => firstPort + i);
  const options = [
    ...["--paths", `${paths}`, "--first-port", `${firstPort}`],
    ...["--sweep", `${sweepMs}ms`, "--timeout", "300ms"],
  ];
  await using watcher = new PathWatcher(lab, address, options);
  const catchments = await measureCatchments(lab, watcher, ports);
  say(`sites: ${JSON.stringify(catchments.figures)}`);
  const endpoint = await measureHole(lab, watcher, ports, terms, "e2");
  say(`e2 black-holed: ${JSON.stringify(endpoint)}`);
  const single = await measureHole(lab, watcher, ports, terms, ports[17 % paths]!);
  say(`one path black-holed: ${JSON.stringify(single)}`);
  const shift = await measureShift(lab, watcher, ports, terms);
  say(`shift: ${JSON.stringify(shift)}`);
  const figures = {
    paths,
    transport: catchments.transport,
    ...catchments.figures,
    endpoint_hole: endpoint,
    path_hole: single,
    shift,
  };
  const failures = [
    ...bars("sites", { ...catchments.figures }, { wrong_paths: 0, deviation_points: mostDeviationPoints }),
    ...(Object.keys(catchments.figures.paths_of_site).sort().join() === "e1,e2,e3"
      ? []
      : ["sites: expected e1, e2 and e3"]),
    ...[endpoint, single].flatMap((hole) => [
      ...bars("black hole", hole, {
        found_sweeps: 2,
        wrongly_named_paths: 0,
        missed_paths: 0,
        lost_events: 1,
        back_events: 1,
      }),
      ...(hole.paths >= 1 ? [] : ["black hole: no path was behind it"]),
    ]),
    ...bars("shift", shift, { away_events: 1, back_events: 1, wrong_moves: 0, lost_events: 0 }),
    ...(shift.moved_paths >= 1 ? [] : ["shift: no path moved"]),
  ];
  return { figures, failures };
}

/** Which endpoint answers on each path. */
async function measureCatchments(lab: Lab, watcher: PathWatcher, ports: readonly number[]) {
  const truth = await hopsOf(lab, address, ports);
  const seen = await watcher.next("paths", ({ answering }) => answering === ports.length);
  const wrong = seen.paths.filter(({ source_port: port, site }) => truth.get(port) !== site);
  return {
    transport: (await watcher.next("start", () => true)).transport,
    figures: {
      paths_of_site: Object.fromEntries(seen.sites.map(({ site, paths }) => [site, paths])),
      share_percent: Object.fromEntries(seen.sites.map(({ site, share }) => [site, round(100 * share, 1)])),
      deviation_points: round(Math.max(...seen.sites.map(({ share }) => Math.abs(100 * share - 100 / 3))), 1),
      wrong_paths: wrong.length,
      p99_max_us: round(Math.max(...seen.paths.map(({ latency }) => latency.p99_ns)) / 1e3, 0),
    },
  };
}

/** breakPath has R1 drop queries to an endpoint, or those of one source port; its routes stay. */
export async function breakPath(lab: Lab, where: string | number): Promise<void> {
  const match = typeof where === "string" ? `oifname ${where}` : `udp sport ${where}`;
  const chain = `type filter hook forward priority 0; ${match} udp dport 53 drop;`;
  await lab.network.r1.namespace.exec("nft", `table ip hole { chain forward { ${chain} }; }`);
}

/** mendPath has it let them through again. */
export async function mendPath(lab: Lab): Promise<void> {
  await lab.network.r1.namespace.exec("nft", "delete", "table", "ip", "hole");
}

/** Some paths lead nowhere for a while. */
async function measureHole(
  lab: Lab,
  watcher: PathWatcher,
  ports: readonly number[],
  { sweepMs, quietSweeps }: WatchTerms,
  where: string | number,
) {
  const truth = await hopsOf(lab, address, ports);
  const expected = ports.filter((port) => (typeof where === "string" ? truth.get(port) === where : port === where));
  const events = () => ({ lost: watcher.records("path-lost").length, back: watcher.records("path-back").length });
  const before = events();
  await breakPath(lab, where);
  const brokeMs = Date.now();
  const found = await watcher.next("path-lost", ({ at_ms: atMs }) => atMs > brokeMs);
  const named = found.paths.map(({ source_port: port }) => port);
  const { lost } = await watcher.sweep(quietSweeps);
  await mendPath(lab);
  await watcher.next("path-back", ({ sweep }) => sweep > found.sweep);
  const mended = await watcher.sweep(quietSweeps);
  const after = events();
  return {
    paths: expected.length,
    // The sweep that was under way when it broke was answered in part.
    found_sweeps: found.sweep - (watcher.sweepsBefore(brokeMs) + 1),
    found_ms: found.at_ms - brokeMs,
    sweep_ms: sweepMs,
    wrongly_named_paths: named.filter((port) => !expected.includes(port)).length,
    missed_paths:
      expected.filter((port) => !named.includes(port)).length + Math.abs(lost - expected.length) + mended.lost,
    lost_events: after.lost - before.lost,
    back_events: after.back - before.back,
    named: found.paths[0]!.path,
  };
}

/** An endpoint withdraws, and announces again. */
async function measureShift(lab: Lab, watcher: PathWatcher, ports: readonly number[], { quietSweeps }: WatchTerms) {
  const [, , e3] = lab.endpoints;
  const lostBefore = watcher.records("path-lost").length;
  const turn = async (act: () => Promise<unknown>) => {
    const before = await hopsOf(lab, address, ports);
    const told = watcher.records("shift").length;
    await act();
    const after = await hopsOf(lab, address, ports);
    const moved = ports.filter((port) => before.get(port) !== after.get(port));
    await watcher.next("shift", ({ moved: [first] }) => watcher.records("shift").length > told && first !== undefined);
    await watcher.sweep(quietSweeps);
    const events = watcher.records("shift").slice(told);
    const moves = events.flatMap((event) => event.moved);
    const right = moves.filter(
      (move) => before.get(move.source_port) === move.from && after.get(move.source_port) === move.to,
    );
    return {
      events: events.length,
      moved: moved.length,
      wrong: moves.length - right.length + Math.abs(moved.length - right.length),
    };
  };
  const away = await turn(async () => {
    const sinceNs = monotonicNs();
    await e3!.node.namespace.ip("address", "del", anycast, "dev", "lo");
    await lab.goneFromR1(e3!, sinceNs);
  });
  const back = await turn(async () => {
    const sinceNs = monotonicNs();
    await e3!.node.namespace.ip("address", "add", anycast, "dev", "lo", "label", "lo:0");
    await lab.backAtR1(e3!, sinceNs);
  });
  return {
    moved_paths: away.moved,
    moved_back_paths: back.moved,
    away_events: away.events,
    back_events: back.events,
    wrong_moves: away.wrong + back.wrong,
    lost_events: watcher.records("path-lost").length - lostBefore,
  };
}
