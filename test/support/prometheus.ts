// Prometheus's own judgement of what we write, and the text as data.
import { spawnSync } from "node:child_process";

/** promtoolMissing says what is missing for promtool, in one sentence; undefined where nothing is. */
export function promtoolMissing(): string | undefined {
  const { error } = spawnSync("promtool", ["--version"]);
  return error ? "the program `promtool` is missing: install prometheus" : undefined;
}

/** promtool runs it; what it complains of, or nothing. */
export function promtool(argv: readonly string[], input = ""): string {
  const { status, stdout, stderr } = spawnSync("promtool", argv, { input, encoding: "utf8", timeout: 30_000 });
  return status === 0 && stderr === "" ? "" : `${status}: ${stdout}${stderr}`;
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Exposed is a scrape. */
export class Exposed {
  readonly types = new Map<string, string>();
  readonly helps = new Map<string, string>();
  readonly samples: readonly Sample[];

  constructor(readonly text: string) {
    const lines = text.split("\n");
    if (lines.pop() !== "") throw new Error(`the last line does not end: ${JSON.stringify(text.slice(-80))}`);
    for (const line of lines) {
      const [, kind, name, rest] = /^# (TYPE|HELP) (\S+) (.*)$/.exec(line) ?? [];
      if (kind) (kind === "TYPE" ? this.types : this.helps).set(name!, rest!);
    }
    this.samples = lines.filter((line) => !line.startsWith("#")).map(read);
  }

  /** value gives the one sample of that name with those labels among its own; undefined where there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const found = this.samples.filter(
      (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    );
    if (found.length > 1) throw new Error(`${found.length} samples of ${name} ${JSON.stringify(labels)}`);
    return found[0]?.value;
  }

  /** The labels that the samples of each metric have, sorted, as `name{a,b}`. */
  shapes(): string[] {
    const shapes = this.samples.map(({ name, labels }) => {
      const metric = this.types.has(name) ? name : name.replace(/_(bucket|sum|count)$/, "");
      const own = Object.keys(labels).filter((label) => label !== "le" && label !== "quantile");
      return `${this.types.get(metric)} ${metric}{${own.join(",")}}`;
    });
    return [...new Set(shapes)].sort();
  }
}

function read(line: string): Sample {
  const [, name, , inner = "", value] = /^([a-z_:0-9]+)(\{(.*)\})? (\S+)$/i.exec(line) ?? [];
  if (name === undefined) throw new Error(`no sample: ${line}`);
  const pairs = [...inner.matchAll(/([a-z_0-9]+)="((?:[^"\\]|\\.)*)"(?:,|$)/gi)];
  if (pairs.map(([whole]) => whole).join("") !== inner) throw new Error(`no labels: ${line}`);
  const plain = (text: string) => text.replace(/\\(.)/g, (_, letter) => (letter === "n" ? "\n" : letter));
  return {
    name,
    labels: Object.fromEntries(pairs.map(([, label, text]) => [label!, plain(text!)])),
    value: value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value),
  };
}
