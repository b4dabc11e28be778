// One endpoint without a router: a network namespace with an uplink, anycast addresses on lo:0, answerers, and the daemon.
import { type ChildProcess, execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { type AnswererOptions, healthAddress, healthName, type Manner } from "../../src/demo/answerer.js";
import { ended } from "../../src/demo/frr.js";
import { Namespace } from "../../src/demo/namespace.js";
import { DaemonProcess, type DaemonProcessOptions } from "./daemon.js";

const answerer = JSON.stringify(new URL("../../dist/demo/answerer.js", import.meta.url));
/** The built-in answerer, of which each message after the first changes the manner. */
const answererProgram = `
  import { Answerer } from ${answerer};
  let answerer;
  process.on("message", async (options) => {
    if (answerer) Object.assign(answerer.manner, options);
    else answerer = await Answerer.open(options);
    process.send("done");
  });
  process.on("disconnect", () => process.exit());`;

export const anycast = "203.0.113.53/32";
export const anycastAddress = "203.0.113.53";
export const uplinkAddress = "198.18.0.2";

export type Keys = Readonly<Record<string, unknown>>;

export interface HostConfig {
  readonly prefixes?: readonly string[];
  readonly check?: Keys;
  readonly address?: Keys;
  readonly service?: Keys;
  readonly top?: Keys;
}

/** spawnAnswerer starts the built-in answerer in a namespace; resolves when it listens. */
export async function spawnAnswerer(namespace: Namespace, options: AnswererOptions): Promise<ChildProcess> {
  const argv = ["--input-type=module", "-e", answererProgram];
  const child = namespace.spawn(process.execPath, argv, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  await tell(child, options);
  if (child.exitCode !== null) throw new Error(`the answerer did not start at ${options.address}`);
  return child;
}

/** behave changes how an answerer answers; resolves when it does so. */
export async function behave(child: ChildProcess, manner: Partial<Manner>): Promise<void> {
  await tell(child, manner);
}

async function tell(child: ChildProcess, message: object): Promise<void> {
  child.send(message);
  await Promise.race([once(child, "message"), once(child, "exit")]);
}

let hosts = 0;

/** Host lives until it is disposed of. */
export class Host implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "anyprobe-host-"));
  readonly control = join(this.directory, "anyprobe.sock");
  readonly stateFile = join(this.directory, "state.json");
  readonly configFile = join(this.directory, "anyprobe.yaml");
  readonly #children: ChildProcess[] = [];

  private constructor(
    readonly namespace: Namespace,
    readonly prefixes: readonly string[],
  ) {}

  static async create(prefixes: readonly string[] = [anycast]): Promise<Host> {
    hosts += 1;
    const host = new Host(await Namespace.create(`ap${process.pid}-host${hosts}`), prefixes);
    // Both ends here: an uplink that leads nowhere is enough for an address that is not on lo.
    await host.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1");
    await host.ip("link", "set", "up0", "up");
    await host.ip("link", "set", "up1", "up");
    await host.ip("address", "add", `${uplinkAddress}/24`, "dev", "up0");
    for (const prefix of prefixes) await host.addAddress(prefix);
    return host;
  }

  ip(...argv: string[]): Promise<string> {
    return this.namespace.ip(...argv);
  }

  async addAddress(prefix = anycast): Promise<void> {
    const label = prefix.includes(":") ? ["nodad"] : ["label", "lo:0"];
    await this.ip("address", "add", prefix, "dev", "lo", ...label);
  }

  async deleteAddress(prefix = anycast): Promise<void> {
    await this.ip("address", "del", prefix, "dev", "lo");
  }

  async hasAddress(prefix = anycast): Promise<boolean> {
    return (await this.ip("-o", "address", "show", "dev", "lo")).includes(` ${prefix} `);
  }

  async answer(options: Partial<AnswererOptions> = {}): Promise<ChildProcess> {
    const child = await spawnAnswerer(this.namespace, { address: anycastAddress, port: 53, ...options });
    this.#children.push(child);
    return child;
  }

  /** config gives a config of one service, quick to decide. */
  config({ prefixes = this.prefixes, check, address, service, top }: HostConfig = {}): Keys {
    return {
      control: this.control,
      state: this.stateFile,
      min_gap: "0s",
      announce_gap: "0s",
      ...top,
      services: {
        resolver: {
          prefixes,
          checks: [
            {
              dns: { name: healthName, type: "A" },
              expect: { answers: [healthAddress] },
              interval: "100ms",
              timeout: "200ms",
              stable_for: "0s",
              ...check,
            },
          ],
          route: [{ address: { device: "lo", label: "lo:0", ...address } }],
          guard: "none",
          damping: "none",
          ...service,
        },
      },
    };
  }

  writeConfig(config: Keys | string): void {
    writeFileSync(this.configFile, typeof config === "string" ? config : stringify(config));
  }

  /** run starts the daemon under a config; `argv` may say something else. */
  run(config: Keys = this.config(), options: Partial<DaemonProcessOptions> & { argv?: readonly string[] } = {}) {
    this.writeConfig(config);
    const { argv = ["-c", this.configFile], ...rest } = options;
    const daemon = new DaemonProcess(this.namespace, argv, { control: this.control, ...rest });
    this.#children.push(daemon.child);
    return daemon;
  }

  /** spawn starts any program here that ends with the host. */
  spawn(file: string, argv: readonly string[]): ChildProcess {
    const child = this.namespace.spawn(file, argv, { stdio: ["pipe", "pipe", "inherit"] });
    this.#children.push(child);
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all(this.#children.map(ended));
    await this.namespace.remove();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** hostMissing names what is missing for a host, in one sentence; undefined where nothing is. */
export function hostMissing(): string | undefined {
  if (process.getuid?.() !== 0) return "network namespaces with names need root";
  try {
    execFileSync("ip", ["-V"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "the program `ip` is missing: install iproute2";
  }
}
