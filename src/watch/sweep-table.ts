// How the paths to many targets stand: a table with a place for each path, its counts, latencies and what sweeps say of it.
import { LatencyHistogram } from "../measure/histogram.js";
import { LatencyTable } from "../measure/latency-table.js";
import { formatTarget, type Target } from "../probe/target.js";
import type { Sites } from "./sites.js";
import type { SweepCounts } from "./sweep-counts.js";
import { PathJudge } from "./sweep-judge.js";
import type { PathEvent, PathName, PathSummary, SiteShare, SweepSummary } from "./sweep-report.js";

/** PathTable has `paths` places for each target. */
export class PathTable {
  readonly #targets: readonly Target[];
  readonly #sources: readonly (string | undefined)[];
  readonly #sites: Sites;
  readonly #judges: readonly PathJudge[];
  /** A path's number, from 0, by its source port, for each target. */
  readonly #numbers: readonly Map<number, number>[];
  readonly #ports: Uint16Array;
  readonly #latency: LatencyTable;
  readonly #answered: Uint32Array;
  readonly #unanswered: Uint32Array;
  readonly #voided: Uint32Array;

  constructor(
    targets: readonly Target[],
    sources: readonly (string | undefined)[],
    readonly paths: number,
    sites: Sites,
  ) {
    this.#targets = targets;
    this.#sources = sources;
    this.#sites = sites;
    this.#judges = targets.map(() => new PathJudge(paths));
    this.#numbers = targets.map(() => new Map());
    const places = targets.length * paths;
    this.#ports = new Uint16Array(places);
    this.#latency = new LatencyTable(places);
    this.#answered = new Uint32Array(places);
    this.#unanswered = new Uint32Array(places);
    this.#voided = new Uint32Array(places);
  }

  /** place gives the place of the path that has this source port; paths have their numbers in the order in which they are seen. */
  place(index: number, sourcePort: number): number {
    const numbers = this.#numbers[index]!;
    const number = numbers.get(sourcePort) ?? numbers.size;
    const place = index * this.paths + number;
    numbers.set(sourcePort, number);
    this.#ports[place] = sourcePort;
    return place;
  }

  answered(place: number, rttNs: number): void {
    this.#answered[place]!++;
    this.#latency.record(place, rttNs);
  }

  unanswered(place: number): void {
    this.#unanswered[place]!++;
  }

  /** voided takes a probe that says nothing: our own trouble. */
  voided(place: number): void {
    this.#voided[place]!++;
  }

  /** judge takes a whole sweep, the `sweep`th, and gives what it changed of a target. */
  judge(index: number, counts: SweepCounts, sweep: number): PathEvent[] {
    const judge = this.#judges[index]!;
    const before = this.#pathsBySite(index);
    const { turned, lost, back, moved } = judge.judge(counts.readings(index * this.paths, this.paths));
    const subject = { index, target: this.#targets[index]!, atMs: Date.now(), sweep };
    const changes = [["path-lost", lost] as const, ["path-back", back] as const];
    const events = changes.flatMap(([kind, paths]): PathEvent[] => {
      const names = paths.map((path) => this.#name(index, path)).sort((a, b) => a.sourcePort - b.sourcePort);
      const now = { paths: names, lost: this.#inState(index, "lost") };
      return paths.length === 0 ? [] : [{ kind, ...subject, ...now, of: this.paths }];
    });
    if (turned) events.unshift({ kind: turned, ...subject });
    if (moved.length === 0) return events;
    const moves = moved.map(({ path, from, to }) => ({
      path: this.#name(index, path),
      from: this.#sites.name(from)!,
      to: this.#sites.name(to)!,
    }));
    moves.sort((a, b) => a.path.sourcePort - b.path.sourcePort);
    return [...events, { kind: "shift", ...subject, moved: moves, before, after: this.#pathsBySite(index) }];
  }

  /** suspects counts the paths to a target whose silence is not proven yet. */
  suspects(index: number): number {
    return this.#inState(index, "suspect");
  }

  /** summary tells how the paths to a target stand after so many sweeps. */
  summary(index: number, sweeps: number): SweepSummary {
    const numbers = [...this.#numbers[index]!.values()];
    const paths = numbers.map((path) => this.#pathSummary(index, path));
    return {
      index,
      target: formatTarget(this.#targets[index]!),
      sweeps,
      answering: this.#inState(index, "answering"),
      suspect: this.suspects(index),
      lost: this.#inState(index, "lost"),
      unknown: this.#inState(index, "unknown"),
      sites: this.#shares(index),
      paths: paths.sort((a, b) => a.sourcePort - b.sourcePort),
    };
  }

  #pathSummary(index: number, path: number): PathSummary {
    const judge = this.#judges[index]!;
    const place = index * this.paths + path;
    const [answered, unanswered] = [this.#answered[place]!, this.#unanswered[place]!];
    return {
      ...this.#name(index, path),
      state: judge.state(path),
      site: this.#sites.name(judge.site(path)),
      siteSource: this.#sites.source(judge.site(path)),
      unsteady: judge.unsteady(path),
      answered,
      unanswered,
      voided: this.#voided[place]!,
      loss: answered + unanswered === 0 ? null : unanswered / (answered + unanswered),
      latency: this.#latency.summary(place),
    };
  }

  /** The paths that are answered, by their number, by the site that answers. */
  #bySite(index: number): Map<number, number[]> {
    const judge = this.#judges[index]!;
    const bySite = new Map<number, number[]>();
    for (let path = 0; path < this.paths; path++) {
      if (judge.state(path) !== "answering") continue;
      const site = judge.site(path);
      bySite.set(site, [...(bySite.get(site) ?? []), path]);
    }
    return new Map([...bySite].sort(([, a], [, b]) => b.length - a.length));
  }

  #pathsBySite(index: number): Record<string, number> {
    return Object.fromEntries(
      [...this.#bySite(index)].map(([site, paths]) => [this.#sites.name(site) ?? "", paths.length]),
    );
  }

  #shares(index: number): SiteShare[] {
    const answering = this.#inState(index, "answering");
    return [...this.#bySite(index)].map(([site, paths]) => {
      const latency = new LatencyHistogram();
      for (const path of paths) latency.merge(this.#latency.toHistogram(index * this.paths + path));
      return {
        site: this.#sites.name(site),
        paths: paths.length,
        share: paths.length / answering,
        sourcePorts: paths.map((path) => this.#ports[index * this.paths + path]!).sort((a, b) => a - b),
        latency: latency.summary(),
      };
    });
  }

  #inState(index: number, wanted: PathSummary["state"]): number {
    const judge = this.#judges[index]!;
    let count = 0;
    for (let path = 0; path < this.paths; path++) if (judge.state(path) === wanted) count++;
    return count;
  }

  #name(index: number, path: number): PathName {
    const sourcePort = this.#ports[index * this.paths + path]!;
    return { protocol: "udp", source: this.#sources[index], sourcePort, target: this.#targets[index]! };
  }
}
