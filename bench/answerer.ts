// The answerers that generators are measured against: our own, the XDP reflector, and real name servers, each on one core.
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeExit } from "../src/demo/before-exit.js";
import { answererProgram } from "./build.js";
import { answererCpu, serve } from "./place.js";
import { needs, needsRoot } from "./programs.js";
import { queryName, queryOctets } from "./question.js";
import { VethPair } from "./veth.js";

/** Answerer answers queries at `address` until it is stopped; where there are many targets, `address` is the first of 65,536. */
export interface Answerer {
  readonly address: string;
  readonly port: number;
  /** Where a generator must be to reach it; without, anywhere on this host. */
  readonly namespace?: string;
  /** The wire to it, for generators that make their own packets. */
  readonly veth?: VethPair;
  stop(): Promise<void>;
}

/** answerers starts one by name. */
export const answerers = {
  /** Our own, on loopback. */
  ours: () => startOurs("127.0.0.1", "127.0.0.1"),
  /** Our own at every address of 127.1.0.0/16. */
  oursEverywhere: () => startOurs("0.0.0.0", "127.1.0.0"),
  /** The XDP reflector behind a veth, at every address of 198.18.0.0/16. */
  reflector: async (): Promise<Answerer> => {
    needs("ip", "ethtool", "clang-14");
    needsRoot();
    const veth = await VethPair.create();
    return { address: "198.18.0.0", port: 53, namespace: veth.generator.name, veth, stop: () => veth.remove() };
  },
  nsd: () => startServer("nsd", nsd),
  knot: () => startServer("knotd", knot),
  unbound: () => startServer("unbound", unbound),
  /** unbound with the answer in its cache, from an NSD that it asked once. */
  unboundCache: async (): Promise<Answerer> => {
    const origin = await startServer("nsd", nsd);
    try {
      const cache = await startServer("unbound", cacheOf(origin));
      return { ...cache, stop: async () => void (await Promise.all([cache.stop(), origin.stop()])) };
    } catch (error) {
      await origin.stop();
      throw error;
    }
  },
  named: () => startServer("named", named),
} satisfies Record<string, () => Promise<Answerer>>;

/** AnswererName is one of them. */
export type AnswererName = keyof typeof answerers;

async function startOurs(listen: string, address: string, manner: readonly string[] = []) {
  needs("setpriv");
  const server = serve([answererProgram(), "--address", listen, "--cpu", String(answererCpu), ...manner], {});
  const port = Number((await server.line()).replace("ready ", ""));
  return { address, port, stop: server.stop, line: server.line };
}

/** Told is what a server of known behaviour did. */
export interface Told {
  readonly queries: readonly number[];
  readonly dropped: number;
  readonly refused: number;
  readonly delayed: number;
  readonly freezes: number;
}

/**
 * startManner starts a server of known behaviour on loopback: options of bench/native/answerer.cc from `--limit` on. `told`
 * tells, once it is stopped, what it did.
 */
export async function startManner(...manner: readonly string[]): Promise<Answerer & { told(): Promise<Told> }> {
  const { line, ...answerer } = await startOurs("127.0.0.1", "127.0.0.1", manner);
  return { ...answerer, told: async () => JSON.parse(await line()) };
}

const zone = `$TTL 86400\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 198.51.100.80\nhealth A 198.51.100.80\n`;

type Configure = (directory: string, port: number) => { readonly config: string; readonly argv: readonly string[] };

const nsd: Configure = (directory, port) => ({
  argv: ["-d", "-c"],
  config: `server:
  server-count: 1
  ip-address: 127.0.0.1@${port}
  username: ""
  chroot: ""
  zonesdir: "${directory}"
  pidfile: "${directory}/nsd.pid"
  zonelistfile: "${directory}/zone.list"
  xfrdfile: "${directory}/xfrd.state"
  xfrdir: "${directory}"
  database: ""
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: example.com
  zonefile: zone
`,
});

const knot: Configure = (directory, port) => ({
  argv: ["-c"],
  config: `server:
  rundir: ${directory}
  listen: 127.0.0.1@${port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: ${directory}
zone:
  - domain: example.com
    storage: ${directory}
    file: zone
`,
});

const unbound: Configure = (directory, port) => ({
  argv: ["-c"],
  config: `server:
  num-threads: 1
  interface: 127.0.0.1@${port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "${directory}"
  pidfile: ""
  use-syslog: no
  module-config: "iterator"
  local-zone: "example.com." static
  local-data: "${queryName}. 60 IN A 198.51.100.80"
remote-control:
  control-enable: no
`,
});

/**
 * cacheOf makes unbound ask a server, and keep what it said for a day. Its queue is as large as unbound's manual advises: the
 * kernel's default holds two ms of queries, and then a virtual machine's pauses are what is measured.
 */
const cacheOf =
  (origin: Answerer): Configure =>
  (directory, port) => {
    const { argv, config } = unbound(directory, port);
    const server = config
      .replace(/ {2}local-(zone|data):.*\n/g, "")
      .replace("remote", "  do-not-query-localhost: no\n  so-rcvbuf: 4m\nremote");
    return {
      argv,
      config: `${server}stub-zone:\n  name: example.com\n  stub-addr: ${origin.address}@${origin.port}\n`,
    };
  };

const named: Configure = (directory, port) => ({
  argv: ["-f", "-n", "1", "-c"],
  config: `options {
  directory "${directory}";
  pid-file none;
  session-keyfile none;
  listen-on port ${port} { 127.0.0.1; };
  listen-on-v6 { none; };
  recursion no;
  dnssec-validation no;
};
controls { };
zone "example.com" { type primary; file "zone"; };
`,
});

async function startServer(program: "nsd" | "knotd" | "unbound" | "named", configure: Configure): Promise<Answerer> {
  needs(program, "setpriv", "taskset");
  const directory = mkdtempSync(join(tmpdir(), "anyprobe-bench-"));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  const forget = beforeExit(remove);
  const port = await freePort();
  const { config, argv } = configure(directory, port);
  writeFileSync(join(directory, "zone"), zone);
  writeFileSync(join(directory, "config"), config);
  const server = serve([program, ...argv, join(directory, "config")], { cpu: answererCpu });
  const stop = async () => {
    await server.stop();
    forget();
    remove();
  };
  try {
    await firstAnswer(program, port);
    // Knot puts its UDP worker on the first core by itself, where the generator is.
    execFileSync("taskset", ["--all-tasks", "--cpu-list", "--pid", String(answererCpu), String(server.child.pid)], {
      stdio: "ignore",
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { address: "127.0.0.1", port, stop };
}

async function freePort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  return port;
}

/** firstAnswer asks a server that is starting until it answers. */
async function firstAnswer(program: string, port: number): Promise<void> {
  const socket = createSocket("udp4");
  let answered = false;
  socket.on("message", (answer) => {
    // NOERROR with one record: it is the server, and it has its zone.
    answered ||= (answer[3]! & 0xf) === 0 && answer.readUInt16BE(6) === 1;
  });
  // Until it listens, its port is closed.
  socket.on("error", () => {});
  try {
    for (let tries = 0; !answered && tries < 100; tries++) {
      socket.send(queryOctets, port, "127.0.0.1");
      await sleep(50);
    }
  } finally {
    socket.close();
  }
  if (!answered) throw new Error(`${program} did not answer within 5 s`);
}
