// Real name servers inside a namespace: unbound and named with a generated configuration, one known name each
// (`health.example.com A 198.51.100.80`), and an identity that tells the endpoints apart. Stopped by pid.
import { type ChildProcess, execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "dns-packet";
import { ended } from "../../src/demo/frr.js";
import type { Namespace } from "../../src/demo/namespace.js";

export const healthName = "health.example.com";
export const healthAddress = "198.51.100.80";

export interface ServerOptions {
  readonly namespace: Namespace;
  /** What it says it is: NSID and id.server. */
  readonly identity: string;
  /** Listen on these addresses only; without, on the wildcard. */
  readonly addresses?: readonly string[];
  /** named: so many like responses a second at most; of the rest every second one is truncated and the others are dropped. */
  readonly responsesPerSecond?: number;
}

/** NameServer is a running server. */
export interface NameServer {
  readonly pid: number;
  /** When it first answered; CLOCK_MONOTONIC, to 5 ms. */
  readonly answeredNs: number;
  /** Sends a signal: SIGSTOP and SIGCONT for a server that hangs, SIGKILL for one that dies. */
  signal(signal: NodeJS.Signals): void;
  /** Ends it, if it has not ended, and removes its files. Idempotent. */
  stop(): Promise<void>;
}

/** serverMissing names the program that is not installed, in one sentence. */
export function serverMissing(program: "unbound" | "named"): string | undefined {
  try {
    execFileSync(program, ["-V"], { stdio: "ignore" });
    return undefined;
  } catch {
    return `the program \`${program}\` is missing: install ${program === "named" ? "bind9" : "unbound"}`;
  }
}

/** startUnbound resolves once it answers. */
export async function startUnbound(options: ServerOptions): Promise<NameServer> {
  const directory = await mkdtemp(join(tmpdir(), "anyprobe-unbound-"));
  const interfaces = options.addresses?.map((address) => `interface: ${address}`) ?? [
    "interface: 0.0.0.0",
    "interface: ::0",
    // Without it, the reply of a wildcard socket leaves from the uplink's address.
    "interface-automatic: yes",
  ];
  const lines = [
    ...interfaces,
    "do-daemonize: no",
    'username: ""',
    'chroot: ""',
    `directory: "${directory}"`,
    'pidfile: ""',
    "use-syslog: no",
    "access-control: 0.0.0.0/0 allow",
    "access-control: ::0/0 allow",
    'module-config: "iterator"',
    `identity: "${options.identity}"`,
    `nsid: "ascii_${options.identity}"`,
    'local-zone: "example.com." static',
    `local-data: "${healthName}. 60 IN A ${healthAddress}"`,
  ];
  const file = join(directory, "unbound.conf");
  await writeFile(
    file,
    `server:\n${lines.map((line) => `  ${line}\n`).join("")}remote-control:\n  control-enable: no\n`,
  );
  return start(options, directory, "unbound", ["-c", file]);
}

/** startNamed resolves once it answers. */
export async function startNamed(options: ServerOptions): Promise<NameServer> {
  const directory = await mkdtemp(join(tmpdir(), "anyprobe-named-"));
  const listen = (family: 4 | 6) => {
    const addresses = options.addresses?.filter((address) => address.includes(":") === (family === 6)) ?? ["any"];
    return addresses.length === 0 ? "none;" : addresses.map((address) => `${address};`).join(" ");
  };
  await writeFile(
    join(directory, "example.com.zone"),
    `$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A ${healthAddress}\nhealth A ${healthAddress}\n`,
  );
  const file = join(directory, "named.conf");
  const { responsesPerSecond: most } = options;
  const limit = most === undefined ? "" : `rate-limit { responses-per-second ${most}; slip 2; };`;
  await writeFile(
    file,
    `options {
  directory "${directory}"; pid-file none; session-keyfile none;
  listen-on { ${listen(4)} }; listen-on-v6 { ${listen(6)} };
  recursion no; dnssec-validation no; allow-query { any; }; server-id "${options.identity}";
  ${limit}
};
controls { };
zone "example.com" { type primary; file "example.com.zone"; };
`,
  );
  return start(options, directory, "named", ["-f", "-n", "1", "-c", file]);
}

async function start(
  { namespace, addresses }: ServerOptions,
  directory: string,
  program: string,
  argv: readonly string[],
): Promise<NameServer> {
  const child = namespace.spawn(program, argv, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr!.on("data", (chunk) => {
    said = `${said}${chunk}`.slice(-2000);
  });
  const server = {
    pid: child.pid!,
    answeredNs: Number.NaN,
    signal: (signal: NodeJS.Signals) => void child.kill(signal),
    stop: async () => {
      child.kill("SIGKILL");
      await ended(child);
      await rm(directory, { recursive: true, force: true });
    },
  };
  const answeredNs = await firstAnswer(namespace, addresses?.[0] ?? "127.0.0.1", child);
  if (answeredNs !== undefined) return { ...server, answeredNs };
  await server.stop();
  throw new Error(`${program} does not answer in ${namespace.name}: ${said}`);
}

/** Asks every 5 ms from inside the namespace, where this process itself cannot go, until an answer comes; gives its time. */
async function firstAnswer(namespace: Namespace, address: string, server: ChildProcess): Promise<number | undefined> {
  const query = encode({ type: "query", id: 1, questions: [{ type: "A", name: healthName }] }).toString("hex");
  const script = `
    const socket = require("node:dgram").createSocket("udp${address.includes(":") ? 6 : 4}");
    socket.on("message", () => {
      process.stdout.write(String(process.hrtime.bigint()), () => process.exit(0));
    });
    socket.on("error", () => {});
    setInterval(() => socket.send(Buffer.from("${query}", "hex"), 53, "${address}"), 5);
    setTimeout(() => process.exit(1), 10_000);`;
  const asking = namespace.spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
  let said = "";
  asking.stdout!.on("data", (chunk) => {
    said += chunk;
  });
  const gaveUp = () => void asking.kill("SIGKILL");
  server.once("exit", gaveUp);
  const [code] = await once(asking, "close");
  server.off("exit", gaveUp);
  return code === 0 ? Number(said) : undefined;
}
