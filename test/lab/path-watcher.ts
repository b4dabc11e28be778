// `anyprobe watch --paths` in the lab's client namespace, read record by record; and what R1 itself says of the same paths.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { ended } from "../../src/demo/frr.js";
import type { Lab } from "./lab.js";
import { healthName } from "./servers.js";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** PathRecord is one of a summary's paths, as far as the lab looks. */
export interface PathRecord {
  readonly path: string;
  readonly source_port: number;
  readonly state: string;
  readonly site?: string;
  readonly answered: number;
  readonly latency: { readonly p50_ns: number; readonly p99_ns: number };
}

interface Faults {
  readonly at_ms: number;
  readonly sweep: number;
  readonly lost: number;
  readonly of: number;
  readonly paths: readonly { readonly path: string; readonly source_port: number }[];
}

/** Watched has what a line of each kind says, as far as the lab looks. */
interface Watched {
  readonly start: { readonly transport: string };
  readonly paths: {
    readonly at_ms: number;
    readonly sweeps: number;
    readonly answering: number;
    readonly suspect: number;
    readonly lost: number;
    readonly sites: readonly { readonly site: string; readonly paths: number; readonly share: number }[];
    readonly paths: readonly PathRecord[];
  };
  readonly "path-lost": Faults;
  readonly "path-back": Faults;
  readonly shift: {
    readonly at_ms: number;
    readonly sweep: number;
    readonly moved: readonly { readonly source_port: number; readonly from: string; readonly to: string }[];
  };
}

type Kind = keyof Watched;

interface Line {
  readonly type: string;
  readonly kind?: string;
}

/** PathWatcher is the running command. */
export class PathWatcher implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #records: Line[] = [];
  #error = "";

  /** It tells how all paths stand after every sweep. `unprivileged`: as nobody, without any capability. */
  constructor(lab: Lab, address: string, options: readonly string[], unprivileged = false) {
    const drop = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set", "-all"];
    const [file, ...argv] = [
      ...(unprivileged ? drop : []),
      ...[
        process.execPath,
        "--import",
        import.meta.resolve("tsx"),
        main,
        "watch",
        address,
        "--json",
        "--report",
        "1ms",
      ],
      ...["--query", `${healthName}/A`, ...options],
    ];
    const { namespace } = lab.network.client!;
    this.#child = namespace.spawn(file!, argv, { stdio: ["ignore", "pipe", "pipe"] });
    createInterface(this.#child.stdout!).on("line", (line) => this.#records.push(JSON.parse(line) as Line));
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#error += text;
    });
  }

  /** records gives all of a kind, from the oldest on. */
  records<K extends Kind>(kind: K): Watched[K][] {
    return this.#records.filter(({ type, kind: of }) => (of ?? type) === kind) as unknown as Watched[K][];
  }

  /** next resolves with the first of a kind that is as wanted. */
  async next<K extends Kind>(kind: K, wanted: (record: Watched[K]) => boolean, withinMs = 20_000): Promise<Watched[K]> {
    const untilMs = Date.now() + withinMs;
    for (;;) {
      const found = this.records(kind).find(wanted);
      if (found) return found;
      const last = JSON.stringify(this.#records.filter(({ type }) => type !== "paths").at(-1));
      if (this.#child.exitCode !== null) throw new Error(`it ended with ${this.#child.exitCode}: ${this.#error}`);
      if (Date.now() > untilMs) throw new Error(`no such ${kind} within ${withinMs} ms, the last event was ${last}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** sweep resolves once one more sweep is whole, or `count`, with how the paths stand then. */
  sweep(count = 1): Promise<Watched["paths"]> {
    const before = this.records("paths").at(-1)?.sweeps ?? 0;
    return this.next("paths", ({ sweeps }) => sweeps >= before + count);
  }

  /** sweepsBefore tells how many sweeps were whole at a moment, Unix time in ms. */
  sweepsBefore(ms: number): number {
    return this.records("paths").findLast(({ at_ms: atMs }) => atMs <= ms)?.sweeps ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await ended(this.#child);
  }
}

/** lookOnce runs `anyprobe watch --paths --once` there as nobody, without any capability: its exit code and what it prints. */
export async function lookOnce(
  lab: Lab,
  address: string,
  options: readonly string[],
): Promise<[code: number, out: string]> {
  const drop = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set", "-all"];
  const argv = ["watch", address, "--query", `${healthName}/A`, "--once", ...options];
  const child = lab.network.client!.namespace.spawn(
    "setpriv",
    [...drop, process.execPath, "--import", import.meta.resolve("tsx"), main, ...argv],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let out = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  const [code] = (await once(child, "close")) as [number];
  return [code, out];
}

/** hopsOf asks R1's kernel which endpoint it sends each of the client's flows to: by source port, the endpoint's name. */
export async function hopsOf(lab: Lab, address: string, ports: readonly number[]): Promise<Map<number, string>> {
  const { r1, client } = lab.network;
  const flow = (port: number) =>
    `route get ${address} from ${client!.address} iif client ipproto udp sport ${port} dport 53`;
  const script = `printf '%s\\n' "$@" | ip -batch -`;
  const text = await r1.namespace.exec("sh", "-c", script, "sh", ...ports.map(flow));
  const devices = [...text.matchAll(/ dev (\S+)/g)].map(([, device]) => device!);
  if (devices.length !== ports.length) throw new Error(`expected ${ports.length} routes, got ${text}`);
  return new Map(ports.map((port, i) => [port, devices[i]!]));
}
