// Loads the native addon, once per thread, and says what its surface is. The rest of this room gives it a face.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { getSystemErrorName } from "node:util";
import { EngineError } from "../errors.js";
import type { Family } from "../probe/target.js";
import type { NativeSchedule } from "./compile.js";

/** Addon is all that native/addon*.cc exports. Its system errors become EngineErrors by systemError(). */
export interface Addon extends NativeNetlink {
  readonly layout: Layout;
  readonly Engine: new (
    options: {
      readonly shards: number;
      readonly ringRows: number;
      readonly answerOctets: number;
      readonly patienceNs: number;
      readonly cpus: readonly number[];
    },
    onReady: () => void,
  ) => NativeEngine;
  /** Port 0: a free one; cpu -1: any. */
  readonly Answerer: new (
    address: string,
    port: number,
    cpu: number,
  ) => NativeAnswerer;
  /** Gives the errno, 0 for success. `path` begins with `/` or, in the abstract namespace, `@`. */
  notify(path: string, text: string): number;
  /** Counts packets to these addresses until close(). */
  readonly TrafficMeter: new (
    addresses: readonly string[],
  ) => NativeTrafficMeter;
  /** Of a connected unix socket; undefined for any other descriptor. */
  peerCredentials(fd: number): { readonly pid: number; readonly uid: number; readonly gid: number } | undefined;
  /** CLOCK_BOOTTIME. */
  boottimeNs(): number;
}

/** Layout is where native/result.h and native/plan.h put things; sizes and offsets in octets. */
export interface Layout {
  readonly columns: readonly {
    readonly name: string;
    readonly type: "f64" | "u32" | "u16" | "u8";
    readonly size: number;
  }[];
  readonly counters: readonly string[];
  readonly outcomes: readonly string[];
  readonly flags: Readonly<Record<"kernelStamp" | "cutShort" | "noQuestion" | "transmitStamp" | "truncated", number>>;
  readonly template: Readonly<Record<"size" | "length" | "idAt" | "questionLength", number>>;
  readonly target: Readonly<
    Record<"size" | "startNs" | "intervalNs" | "probe" | "query" | "address" | "port" | "family" | "source", number>
  >;
}

export interface NativeEngine {
  submit(templates: Uint8Array, table: Uint8Array, schedule: NativeSchedule): number;
  pace(run: number, index: number, intervalNs: number, firstInNs: number): void;
  burst(run: number, index: number, count: number, gapNs: number): void;
  cancel(run: number): void;
  drain(octets: Uint8Array, rows: number): number;
  counters(into: Float64Array): void;
  stop(): void;
  close(): void;
}

export interface NativeAnswerer {
  port(): number;
  queries(): number;
  close(): void;
}

export interface NativeTrafficMeter {
  /** The totals, in the order of the addresses. */
  read(): number[];
  close(): void;
}

/** NativeNetlink is native/netlink.h; src/engine/netlink.ts documents what the values mean. */
export interface NativeNetlink {
  listAddresses(): NativeAddress[];
  listLinks(): { ifindex: number; name: string; kind: string; up: boolean; loopback: boolean }[];
  listLocalRoutes(): {
    family: Family;
    address: string;
    prefixLength: number;
    metric: number;
    ifindex: number;
    anchor: boolean;
  }[];
  listMarkRules(): { family: Family; mark: number }[];
  listUdpSockets(
    port: number,
  ): { family: Family; address: string; port: number; connected: boolean; v6Only: boolean }[];
  /** Gives an errno or 0 for each address. */
  changeAddresses(verb: "add" | "replace" | "delete", addresses: readonly object[]): number[];
  linkUp(device: string): void;
  changeAnchor(add: boolean, address: string): void;
  changeMarkRule(add: boolean, family: Family, mark: number): void;
  portId(): number;
  readonly NetlinkWatch: new (onReady: () => void) => NativeNetlinkWatch;
}

export interface NativeAddress {
  family: Family;
  device: string;
  ifindex: number;
  address: string;
  peer?: string;
  prefixLength: number;
  scope: number;
  flags: number;
  validS: number;
  preferredS: number;
  proto: number;
  label: string;
}

export interface NativeNetlinkWatch {
  poll(): object[] | undefined;
  watchPorts(ports: readonly number[]): void;
  close(): void;
}

// Both src/engine/ and dist/engine/ lie two below the package's root.
const root = fileURLToPath(new URL("../../", import.meta.url));
let loaded: Addon | undefined;

/** loadAddon gives the addon; EngineError ERR_ENGINE_ADDON where it is missing or does not load. */
export function loadAddon(): Addon {
  loaded ??= load(root);
  return loaded;
}

/** load finds the binary under a package root: one built there, or a prebuilt one that fits. */
export function load(packageRoot: string): Addon {
  try {
    return createRequire(import.meta.url)("node-gyp-build")(packageRoot);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new EngineError(
      "ERR_ENGINE_ADDON",
      `the native addon could not be loaded; build it with \`npm run build\` in ${packageRoot} (${reason})`,
      "",
      "dlopen",
      { cause },
    );
  }
}

/** systemError makes an EngineError of what the addon threw; anything but a refusal of the kernel is given back as it is. */
export function systemError(error: unknown, doing = ""): unknown {
  if (!(error instanceof Error && "errno" in error && typeof error.errno === "number")) return error;
  return refusal(error.errno, "syscall" in error ? String(error.syscall) : "", doing, error);
}

/** The first calls of the raw transport and of the traffic meter, which alone want that capability. */
const rawSyscalls = ["socket SOCK_RAW", "socket AF_PACKET"];

/** refusal words an errno (positive) of the kernel; `doing` is what was wanted, as `add 203.0.113.53/32 to lo`. */
export function refusal(errno: number, syscall: string, doing = "", cause?: unknown): EngineError {
  const name = getSystemErrorName(-errno);
  const capability = rawSyscalls.includes(syscall) ? "CAP_NET_RAW" : "CAP_NET_ADMIN";
  const hint = name === "EPERM" || name === "EACCES" ? ` (needs ${capability})` : "";
  const message = `${doing ? `${doing}: ` : ""}${syscall} failed with ${name}${hint}`;
  return new EngineError("ERR_ENGINE_SYSCALL", message, name, syscall, { cause });
}
