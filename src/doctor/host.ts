// The host as an examination sees it: what the config says, what the kernel has, its files and its programs.
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Address, type Link, listAddresses, listLinks } from "../engine/netlink.js";
import { addressOf, type Prefix } from "../route/prefix.js";
import type { Config, ServiceConfig } from "../run/config.js";
import { noState, parseState, type State } from "../run/state.js";
import type { Finding } from "./finding.js";
import { guessPrefixes } from "./guess.js";
import { listSockets, type Process, processesOf, type Socket, type Transport } from "./socket.js";

/** Output is what a program said. */
export interface Output {
  /** Its exit status; undefined where it is not installed, could not be started, or had to be ended at its time limit. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Asked is where clients, and our checks, ask a service. */
export interface Asked {
  readonly prefix: Prefix;
  readonly address: string;
  readonly port: number;
  readonly transport: Transport;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
}

export interface Context {
  /** Undefined where the host has none: then prefixes are given or guessed. */
  readonly config: Config | undefined;
  readonly prefixes: readonly Prefix[];
  /** What the daemon left, or is just now writing; nothing where that cannot be read. */
  readonly state: State;
  /** The config's; none without one. */
  readonly services: readonly ServiceConfig[];
  /** What the checks ask, each once; without a config, port 53 over UDP. */
  readonly asked: readonly Asked[];
  readonly addresses: readonly Address[];
  readonly links: readonly Link[];
  readonly sockets: readonly Socket[];
  /** Who holds a socket; nobody where we may not know. */
  readonly holders: (socket: Socket) => readonly Process[];
  /** The text of a file, by its absolute path; undefined where there is none that we may read. */
  readonly read: (path: string) => string | undefined;
  /** The names in a directory, sorted; none where there is no directory that we may read. */
  readonly list: (path: string) => readonly string[];
  /** Who may do what with a file; undefined where there is none that we may see. */
  readonly owner: (path: string) => Owner | undefined;
  /** A kernel setting of this network namespace, as `net/ipv4/ip_forward`; undefined where the kernel has none such. */
  readonly sysctl: (name: string) => string | undefined;
  /** Runs a program of this host by its argv, never through a shell. Never rejects. The time limit is 5 s unless given. */
  readonly run: (argv: readonly string[], timeoutMs?: number) => Promise<Output>;
}

/** Examination looks at one side of the host. It changes nothing. */
export interface Examination {
  readonly name: string;
  readonly examine: (context: Context) => Promise<readonly Finding[]>;
}

export interface Look {
  readonly config?: Config;
  /** Where there is no config; guessed where none are given either. */
  readonly prefixes?: readonly Prefix[];
  /** Below which files are read, /proc and /sys apart. */
  readonly root?: string;
}

/** lookAt reads the host once, for all examinations. Throws EngineError where the kernel refuses. */
export function lookAt({ config, prefixes, root = "/" }: Look): Context {
  const read = (path: string) => orUndefined(() => readFileSync(join(root, path), "utf8"));
  const list = (path: string) => orUndefined(() => readdirSync(join(root, path)).sort()) ?? [];
  const addresses = listAddresses();
  const links = listLinks();
  const services = config?.services ?? [];
  const moved = config
    ? [...new Set(services.flatMap((service) => service.prefixes))]
    : (prefixes ?? guessPrefixes(addresses, links, read));
  const sockets = listSockets();
  let holders: ReadonlyMap<number, readonly Process[]> | undefined;
  return {
    config,
    prefixes: moved,
    state: orUndefined(() => parseState(read(config?.state ?? "") ?? "")) ?? noState,
    services,
    asked: config ? askedOf(services) : moved.map((prefix) => askedAt(prefix, 53, "udp")),
    addresses,
    links,
    sockets,
    holders: ({ inode }) => {
      // One walk over all processes serves every question.
      holders ??= processesOf(new Set(sockets.map((socket) => socket.inode).filter((inode) => inode > 0)));
      return holders.get(inode) ?? [];
    },
    read,
    list,
    owner: (path) => orUndefined(() => ownerOf(join(root, path))),
    sysctl: (name) => orUndefined(() => readFileSync(join("/proc/sys", name), "utf8").trim()),
    run,
  };
}

function ownerOf(path: string): Owner {
  const { uid, gid, mode } = statSync(path);
  return { uid, gid, mode: mode & 0o777 };
}

function askedAt(prefix: Prefix, port: number, transport: Transport): Asked {
  return { prefix, address: addressOf(prefix), port, transport };
}

function askedOf(services: readonly ServiceConfig[]): Asked[] {
  const all = services.flatMap(({ prefixes, checks }) =>
    prefixes.flatMap((prefix) =>
      checks.flatMap(({ port, query }) => {
        if (port === undefined) return [];
        return [askedAt(prefix, port, "transport" in query && query.transport === "tcp" ? "tcp" : "udp")];
      }),
    ),
  );
  return [...new Map(all.map((asked) => [JSON.stringify(asked), asked])).values()];
}

/** What a program may write at most; more ends it. */
const mostOctets = 16 * 1024 * 1024;

function run([file = "", ...argv]: readonly string[], timeoutMs = 5000): Promise<Output> {
  // A fixed language: what is read here is read by a program. Administrators' directories may be missing from a user's PATH.
  const env = { ...process.env, LC_ALL: "C", PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
  const options = { env, timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: mostOctets } as const;
  return new Promise((resolve) => {
    execFile(file, argv, options, (error, stdout, stderr) => {
      const code = error ? error.code : 0;
      const status = typeof code === "number" ? code : undefined;
      resolve({ status, stdout, stderr: status === undefined && stderr === "" ? (error?.message ?? "") : stderr });
    });
  });
}

function orUndefined<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}
