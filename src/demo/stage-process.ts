// A stage: the demo's hands and eyes within one network namespace. It runs the answerer and the daemon there, and watches
// the kernel by itself, so that the demo never takes the daemon's word for anything. When the demo goes, everything here does.
import { type ChildProcess, fork, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { addAddress, linkUp, listAddresses, listLocalRoutes } from "../engine/netlink.js";
import { type NetlinkEvent, NetlinkWatch } from "../engine/netlink-watch.js";
import { EngineError } from "../errors.js";
import { decodeAnswer, encodeQuery } from "../probe/dns.js";
import { familyOf } from "../probe/target.js";
import { fetchStatus } from "../run/control.js";
import { monotonicNs } from "../units.js";
import { healthName } from "./answerer.js";
import { ended } from "./frr.js";
import type { Failure, LogEntry, Look, Place, Reply, Request, StageEvent, Verbs } from "./stage-verb.js";

const answererFile = fileURLToPath(new URL("./answerer-process.js", import.meta.url));
const cliFile = fileURLToPath(new URL("../cli/main.js", import.meta.url));
/** What the daemon may take to leave before it is made to. */
const leaveMs = 3000;

const directory = mkdtempSync(join(tmpdir(), "anyprobe-demo-"));
const controlPath = join(directory, "control");
let place: Place;
let watch: NetlinkWatch | undefined;
let assigned = false;
let answerer: ChildProcess | undefined;
let daemon: ChildProcess | undefined;

const verbs: { readonly [V in keyof Verbs]: (...argument: Parameters<Verbs[V]>) => Promised<ReturnType<Verbs[V]>> } = {
  prepare(wanted) {
    place = wanted;
    if (place.furnish) furnish(place.address, place.furnish);
    watch = new NetlinkWatch(heed);
    assigned = look().label !== undefined;
    try {
      watch.watchPorts([place.port]);
      return { blind: null };
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      return { blind: error.message };
    }
  },

  async answer(options) {
    const child = fork(answererFile, [], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
    answerer = child;
    const complaints = gather(child);
    child.once("exit", () => tell({ kind: "ended", who: "answerer", how: howItEnded(child) }));
    child.send(options);
    await Promise.race([once(child, "message"), ended(child)]);
    if (child.exitCode !== null) throw new Error(`the answerer did not start: ${complaints()}`);
    return { pid: child.pid!, atNs: monotonicNs() };
  },

  kill() {
    const { pid } = answerer!;
    const atNs = monotonicNs();
    process.kill(pid!, "SIGKILL");
    return { pid: pid!, atNs };
  },

  run({ argv, config }) {
    const local = (text: string) => text.replaceAll("{dir}", directory);
    if (config !== undefined) writeFileSync(join(directory, "anyprobe.yaml"), local(config));
    const { NOTIFY_SOCKET: _, ...env } = process.env;
    const atNs = monotonicNs();
    const child = spawn(process.execPath, [cliFile, ...argv.map(local)], { env, stdio: ["ignore", "pipe", "pipe"] });
    daemon = child;
    const complaints = gather(child);
    createInterface({ input: child.stdout }).on("line", (line) => {
      tell({ kind: "log", entry: JSON.parse(line) as LogEntry });
    });
    child.once("close", () =>
      tell({ kind: "ended", who: "daemon", how: `${howItEnded(child)} ${complaints()}`.trim() }),
    );
    return { pid: child.pid!, atNs };
  },

  status: () => fetchStatus(controlPath),
  look,
  ask,
};

type Promised<T> = T | Promise<T>;

function furnish(address: string, { label, routerId }: { label: string; routerId: string }) {
  linkUp("lo");
  const prefixLength = familyOf(address) === 4 ? 32 : 128;
  addAddress({ device: "lo", address: routerId, prefixLength: familyOf(routerId) === 4 ? 32 : 128 });
  addAddress({ device: "lo", address, prefixLength, label });
}

function look(): Look {
  const { address } = place;
  return {
    label: listAddresses().find((one) => one.address === address)?.label,
    delivered: listLocalRoutes().some((route) => route.address === address),
  };
}

function heed(events: readonly NetlinkEvent[]) {
  for (const event of events) {
    if (!("address" in event) || ![place.address, "0.0.0.0", "::"].includes(event.address)) continue;
    if (event.kind === "socket-destroyed") tell({ kind: "socket-gone" });
  }
  // Events say when to look, the kernel's list says what there is.
  const { label } = look();
  if (assigned === (label !== undefined)) return;
  assigned = label !== undefined;
  tell(label === undefined ? { kind: "address-gone" } : { kind: "address-back", label });
}

async function ask(times: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let index = 0; index < times; index += 1) {
    const socket = createSocket(familyOf(place.address) === 4 ? "udp4" : "udp6");
    socket.send(encodeQuery({ name: healthName, type: "A", nsid: true }, index), place.port, place.address);
    const reply = once(socket, "message").then(([octets]) => decodeAnswer(octets as Buffer));
    const answer = await Promise.race([reply, sleep(1000)]).catch(() => undefined);
    const who = answer && "nsid" in answer ? (answer.nsid ?? "somebody") : "nobody";
    counts[who] = (counts[who] ?? 0) + 1;
    socket.close();
  }
  return counts;
}

/** gather keeps the last line that a child writes to stderr: when it ends too early, that is why. */
function gather(child: ChildProcess): () => string {
  let last = "";
  createInterface({ input: child.stderr! }).on("line", (line) => {
    if (line.trim() !== "" && !/^\s+at /.test(line)) last = line;
  });
  return () => last;
}

function howItEnded({ signalCode, exitCode }: ChildProcess): string {
  return signalCode ?? `exit code ${exitCode}`;
}

function failureOf(error: Error): Failure {
  if (!(error instanceof EngineError)) return { message: error.message };
  const { message, errno, syscall } = error;
  return { message, engine: { errno, syscall, code: error.code as NonNullable<Failure["engine"]>["code"] } };
}

function tell(event: StageEvent extends infer E ? (E extends StageEvent ? Omit<E, "atNs"> : never) : never) {
  send({ event: { ...event, atNs: monotonicNs() } as StageEvent });
}

function send(reply: Reply) {
  // Once the demo is gone there is nobody to tell.
  if (process.connected) process.send!(reply, undefined, undefined, () => {});
}

let leaving = false;
async function leave() {
  if (leaving) return;
  leaving = true;
  watch?.close();
  answerer?.kill("SIGKILL");
  daemon?.kill("SIGTERM");
  const late = setTimeout(() => daemon?.kill("SIGKILL"), leaveMs);
  await Promise.all([answerer, daemon].map((child) => child && ended(child)));
  clearTimeout(late);
  rmSync(directory, { recursive: true, force: true });
  if (process.connected) process.disconnect();
}

process.on("message", async ({ id, verb, argument }: Request) => {
  try {
    const result = await (verbs[verb] as (argument: unknown) => unknown)(argument);
    send({ id, result });
  } catch (error) {
    send({ id, error: failureOf(error as Error) });
  }
});
process.once("disconnect", () => void leave());
process.on("SIGTERM", () => void leave());
// These reach every process of the terminal: the demo decides, and its end ends the stage.
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
