// A watch of many targets that shows its page: three sites that say who they are, and many more targets that do not.
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ended } from "../../src/demo/frr.js";
import { Namespace } from "../../src/demo/namespace.js";
import { monotonicNs, nsPerSecond } from "../../src/units.js";
import { program, within } from "../support/daemon.js";
import { spawnAnswerer } from "../support/host.js";
import { cpuSeconds } from "./figures.js";

const answererModule = fileURLToPath(new URL("../../dist/engine/answerer.js", import.meta.url));
const port = 9353;
const sitesPort = 53;
const manyPort = 5300;
/** Nobody answers there. */
const deadPort = 5399;

/** The site of each of the targets that have one. */
export const siteTargets: Readonly<Record<string, string>> = {
  "198.18.128.1": "ams1",
  "198.18.128.2": "fra1",
  "198.18.128.3": "fra1",
};

/** WatchStage is a namespace with `anyprobe watch`, and all that it asks. */
export class WatchStage implements AsyncDisposable {
  readonly answerers: ChildProcess[] = [];

  private constructor(
    readonly namespace: Namespace,
    readonly directory: string,
    readonly watch: ChildProcess,
  ) {}

  /** create watches so many targets, each once in an interval; one of them is dead. */
  static async create(targets: number, interval = "1s"): Promise<WatchStage> {
    const namespace = await Namespace.create(`anyprobe-page-${process.pid}`);
    const directory = mkdtempSync(join(tmpdir(), "anyprobe-page-"));
    // On lo a prefix of addresses is local as a whole.
    await namespace.ip("address", "add", "198.18.128.1/17", "dev", "lo");
    const many = namespace.spawn(process.execPath, ["--input-type=module", "-e", answering], { stdio: "ignore" });
    const sited = await Promise.all(
      Object.entries(siteTargets).map(([address, nsid]) =>
        spawnAnswerer(namespace, { address, port: sitesPort, mode: "normal", nsid }),
      ),
    );
    const named = Object.keys(siteTargets).map((address) => `${address}:${sitesPort}`);
    const rest = Array.from({ length: targets - named.length - 1 }, (_, i) => {
      return `198.18.${129 + (i >> 8)}.${i & 255}:${manyPort}`;
    });
    const file = join(directory, "targets");
    writeFileSync(file, `${[...named, `198.18.128.9:${deadPort}`, ...rest].join("\n")}\n`);
    const asked = ["--query", "health.example.com/A", "--interval", interval];
    const argv = [program, "watch", "--targets", file, ...asked, "--listen", `127.0.0.1:${port}`];
    const watch = namespace.spawn(process.execPath, argv, { stdio: ["ignore", "ignore", "inherit"] });
    const stage = new WatchStage(namespace, directory, watch);
    stage.answerers.push(many, ...sited);
    return stage;
  }

  get url(): string {
    return `http://127.0.0.1:${port}/`;
  }

  /** listening resolves once the page is there to be asked for. */
  async listening(): Promise<void> {
    const place = `127.0.0.1:${port}`;
    const open = await within(10_000, async () => {
      const sockets = await this.namespace.exec("ss", "-Htln");
      return sockets.includes(place) ? true : undefined;
    });
    if (!open) throw new Error(`nobody listens at ${place}`);
  }

  /** cpuPercent is what the watch takes of a core, over some seconds. */
  async cpuPercent(seconds: number): Promise<number> {
    const pid = this.watch.pid!;
    const [before, startNs] = [cpuSeconds(pid), monotonicNs()];
    await sleep(seconds * 1000);
    return (100 * (cpuSeconds(pid) - before) * nsPerSecond) / (monotonicNs() - startNs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [this.watch, ...this.answerers]) {
      child.kill("SIGKILL");
      await ended(child);
    }
    await this.namespace.remove();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Sends each query back as its answer, without an NSID. */
const answering = `
  import { Answerer } from ${JSON.stringify(answererModule)};
  // What nobody holds is collected, and its thread with it.
  globalThis.answerer = Answerer.start({ address: "0.0.0.0", port: ${manyPort} });
  setInterval(() => {}, 1e6);
`;
