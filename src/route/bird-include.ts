// A file that BIRD includes, with the set of prefixes that its export filter lets out: the format of anycast_healthchecker
// and of birdwatcher. It survives a restart of BIRD, and of this daemon.
import { readFile, realpath } from "node:fs/promises";
import { basename } from "node:path";
import { RouteError } from "../errors.js";
import { askBird } from "./bird-control.js";
import { type Replaced, replaceFile } from "./bird-file.js";
import { type BirdMeans, stubRefusal, unsupported } from "./bird-means.js";
import { editSet, hasPrefix, readSet } from "./bird-set.js";
import { type BirdSight, exportedAs } from "./bird-sight.js";
import { type Announcement, announcements, isRung, type Rung, rungCosts } from "./driver.js";
import type { Prefix } from "./prefix.js";

/** IncludeOptions is a file that BIRD's configuration includes, with a set of prefixes in it. */
export interface IncludeOptions {
  readonly file: string;
  /** The set's name in it: a constant, or birdwatcher's function. */
  readonly constant: string;
  /** A prefix that nobody uses: the set is never empty. */
  readonly dummy: string;
}

const rungs = announcements.filter(isRung);

/** BirdInclude is one set in one file. */
export class BirdInclude implements BirdMeans {
  readonly way: string;
  readonly somebody: string;
  readonly lasts = true;
  readonly apart = true;
  readonly undo: { readonly file: string; readonly constant: string };
  readonly #options: IncludeOptions;
  readonly #ask: (command: string) => Promise<unknown>;
  /** As of the last look; undefined where it could not be read. */
  #text: string | undefined;
  #trouble: string | undefined;
  /** The text that BIRD last took from us. */
  #loaded: string | undefined;
  /** How each prefix was announced when it last was, without a rung of ours. */
  readonly #configured = new Map<Prefix, { readonly metric: number; readonly metricType?: 1 | 2 }>();

  constructor(options: IncludeOptions, control: { readonly socket: string; readonly timeoutMs: number }) {
    const { file, constant } = options;
    this.#options = options;
    this.#ask = (command) => askBird(control.socket, [command], control.timeoutMs);
    this.way = `${constant} in ${file}`;
    this.somebody = `an operator in ${file}`;
    this.undo = { file, constant };
  }

  questions(): readonly string[] {
    return [];
  }

  async look(): Promise<void> {
    this.#text = undefined;
    this.#trouble = undefined;
    try {
      const text = await readFile(this.#options.file, "utf8");
      this.#trouble = this.#missing(text);
      if (this.#trouble === undefined) this.#text = text;
    } catch (error) {
      this.#trouble = this.#explain(error as NodeJS.ErrnoException);
    }
  }

  lets(prefix: Prefix): boolean | undefined {
    const set = this.#set();
    return set && hasPrefix(set, prefix);
  }

  remark(prefix: Prefix, sight: BirdSight): string | undefined {
    const lets = this.lets(prefix);
    if (lets === undefined) return this.#trouble;
    const stub = stubRefusal(prefix, sight);
    if (stub !== undefined) return stub;
    if (lets === (exportedAs(sight, prefix) !== "withdrawn")) return undefined;
    return lets
      ? `${this.way} has ${prefix}, and BIRD does not export it: it has no route there (is the address on this host, and ` +
          "is there a `protocol direct`?), or its export filter rejects it, or it was not reconfigured since"
      : `${this.way} lacks ${prefix}, and BIRD exports it all the same: its export filter must let out by that set alone, ` +
          "or it was not reconfigured since";
  }

  noRung(prefix: Prefix, sight: BirdSight): string | undefined {
    if (sight.exporter.kind === "BGP") return `BIRD announces ${prefix} by BGP, which has no cost of OSPF`;
    const { file, constant, dummy } = this.#options;
    if (this.#text === undefined) return this.#trouble;
    const missing = rungs.map((rung) => setOf(constant, rung)).filter((name) => !readSet(this.#text!, name));
    if (missing.length > 0) {
      return (
        `${file} has no ${missing.join(", ")}: define each there as \`[ ${dummy} ]\`, and let BIRD's export filter set ` +
        "the metric by them (docs/routers/bird.md)"
      );
    }
    this.#learn(prefix, sight);
    return stubRefusal(prefix, sight) ?? this.#refusalByMetric(prefix, sight) ?? this.#ineffective(prefix, sight);
  }

  refusal(prefix: Prefix, to: Announcement, sight: BirdSight): string | undefined {
    return isRung(to) ? this.noRung(prefix, sight) : stubRefusal(prefix, sight);
  }

  /**
   * BIRD keeps what it has where it refuses the new configuration, and the old file comes back. Not so where a prefix is to go
   * and another file is to blame: whoever mends that and has BIRD read it must not let a dead prefix out again.
   */
  async move(prefixes: readonly Prefix[], to: Announcement, read: () => Promise<BirdSight>): Promise<void> {
    const { file } = this.#options;
    let replaced: Replaced | undefined;
    let text: string;
    try {
      const before = await readFile(file, "utf8");
      const missing = this.#missing(before);
      if (missing !== undefined) throw unsupported(missing, prefixes);
      text = this.#edit(before, prefixes, to);
      if (text !== before) replaced = await replaceFile(file, text);
    } catch (error) {
      throw error instanceof RouteError ? error : this.#fileError(error, prefixes);
    }
    if (!replaced) {
      // BIRD has it already, and may be waiting with the announcement.
      const sight = await read();
      if (prefixes.every((prefix) => exportedAs(sight, prefix) === to)) return;
    }
    try {
      await this.#ask("configure");
      this.#loaded = text;
    } catch (error) {
      const refused = error instanceof RouteError && error.code === "ERR_ROUTE_REFUSED" ? error : undefined;
      if (refused && !(to === "withdrawn" && (await this.#isElsewhere(refused))))
        await this.#restore(replaced, refused);
      // Whoever did not answer may have taken it, or will when it starts again.
      else await this.#keep(replaced, prefixes);
      throw error;
    }
    await this.#keep(replaced, prefixes);
  }

  /** Whether BIRD blames other files alone, by their last names: it may know ours by another path. */
  async #isElsewhere({ message }: RouteError): Promise<boolean> {
    const { file } = this.#options;
    const ours = [basename(file), basename(await realpath(file).catch(() => file))];
    const blamed = [...message.matchAll(/(\S+):\d+:\d+ /g)].map(([, path]) => basename(path!));
    return blamed.length > 0 && !blamed.some((name) => ours.includes(name));
  }

  async #keep(replaced: Replaced | undefined, prefixes: readonly Prefix[]): Promise<void> {
    try {
      await replaced?.keep();
    } catch (error) {
      throw this.#fileError(error, prefixes);
    }
  }

  #fileError(error: unknown, prefixes: readonly Prefix[]): RouteError {
    const message = this.#explain(error as NodeJS.ErrnoException);
    return new RouteError("ERR_ROUTE_UNREACHABLE", message, "bird", prefixes, { cause: error });
  }

  async #restore(replaced: Replaced | undefined, refused: RouteError): Promise<void> {
    try {
      await replaced?.restore();
    } catch (error) {
      const message = `${refused.message}; and the old ${this.#options.file} could not be put back: ${(error as Error).message}`;
      throw new RouteError("ERR_ROUTE_REFUSED", message, "bird", refused.prefixes, { cause: error });
    }
  }

  #edit(text: string, prefixes: readonly Prefix[], to: Announcement): string {
    const { constant, dummy } = this.#options;
    const out = to === "withdrawn";
    let edited = editSet(text, constant, { [out ? "remove" : "add"]: prefixes, dummy });
    for (const rung of rungs) {
      const name = setOf(constant, rung);
      if (readSet(text, name)) edited = editSet(edited, name, { [rung === to ? "add" : "remove"]: prefixes, dummy });
    }
    return edited;
  }

  #set(): readonly string[] | undefined {
    return this.#text === undefined ? undefined : readSet(this.#text, this.#options.constant);
  }

  #missing(text: string): string | undefined {
    const { file, constant, dummy } = this.#options;
    return readSet(text, constant)
      ? undefined
      : `expected \`define ${constant} = [ … ];\` in ${file}, got none: write \`define ${constant} = [ ${dummy} ];\` into it`;
  }

  #rungListed(prefix: Prefix): Rung | undefined {
    return rungs.find((rung) =>
      hasPrefix(readSet(this.#text ?? "", setOf(this.#options.constant, rung)) ?? [], prefix),
    );
  }

  #learn(prefix: Prefix, { own }: BirdSight): void {
    const announcer = own.get(prefix);
    if (announcer?.kind === "external" && this.#rungListed(prefix) === undefined)
      this.#configured.set(prefix, announcer);
  }

  #refusalByMetric(prefix: Prefix, { rivals, own, exported }: BirdSight): string | undefined {
    const configured = this.#configured.get(prefix);
    if (configured !== undefined && configured.metric >= rungCosts.degraded.external) {
      return (
        `BIRD announces ${prefix} at ${configured.metric}: expected a metric below ${rungCosts.degraded.external}, that of ` +
        "a degraded prefix"
      );
    }
    const metricType = exported.get(prefix)?.metricType ?? own.get(prefix)?.metricType ?? configured?.metricType;
    const other = rivals.get(prefix)?.find((rival) => rival.kind === "external" && rival.metricType !== metricType);
    if (metricType === undefined || other === undefined) return undefined;
    return (
      `${other.routerId} announces ${prefix} with metric-type ${other.metricType}, this router with ${metricType}, and any ` +
      `metric of type 1 beats any of type 2: give all endpoints the same, here by \`ospf_metric${other.metricType}\``
    );
  }

  /** Told only of a text that BIRD has taken from us. */
  #ineffective(prefix: Prefix, sight: BirdSight): string | undefined {
    const rung = this.#rungListed(prefix);
    const route = sight.exported.get(prefix);
    if (rung === undefined || route === undefined || this.#text !== this.#loaded) return undefined;
    if (exportedAs(sight, prefix) === rung) return undefined;
    const cost = rungCosts[rung].external;
    const name = setOf(this.#options.constant, rung);
    return (
      `BIRD exports ${prefix} at ${route.metric ?? "no metric of its own"} though ${name} has it: let its export filter say ` +
      `\`if net ~ ${name} then ospf_metric${route.metricType ?? 2} = ${cost};\``
    );
  }

  #explain(error: NodeJS.ErrnoException): string {
    const { file, constant, dummy } = this.#options;
    switch (error.code) {
      case "ENOENT":
        return `no file ${file}: write \`define ${constant} = [ ${dummy} ];\` into it, and include it in bird.conf`;
      case "EACCES":
      case "EPERM":
        return `no permission to replace ${file}: this user must own it, and may write in its directory (${error.message})`;
      case "EROFS":
        return `${file} is on a file system that is read-only`;
      case "ENOSPC":
      case "EDQUOT":
        return `no room for a new ${file}: ${error.message}`;
      default:
        return `${file} could not be read or replaced: ${error.message}`;
    }
  }
}

function setOf(constant: string, rung: Rung): string {
  return `${constant}_${rung.toUpperCase()}`;
}
