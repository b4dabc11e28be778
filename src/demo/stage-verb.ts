// What a stage (see stage-process.ts) can be told to do, and what it tells: the two ends of one pipe agree by this file.
import type { EngineError } from "../errors.js";
import type { Status } from "../run/status.js";
import type { AnswererOptions } from "./answerer.js";

/** Place is the network namespace that a stage sees to: which address, and whose socket's end it watches. */
export interface Place {
  readonly address: string;
  readonly port: number;
  /** Set up from nothing: lo up, the address on it with this label, and a router id. undefined: all is there. */
  readonly furnish?: { readonly label: string; readonly routerId: string } | undefined;
}

/** Look is how the address stands in the kernel now. */
export interface Look {
  /** The device's label; undefined where no device has it. */
  readonly label: string | undefined;
  /** Whether the kernel still delivers it to this host, by the address itself or by an anchor. */
  readonly delivered: boolean;
}

/** Verbs maps each verb to its argument and its result. Times are CLOCK_MONOTONIC. */
export interface Verbs {
  /** Resolves to why the ends of sockets are not told here, or null. */
  readonly prepare: (place: Place) => { readonly blind: string | null };
  /** Starts the answerer. */
  readonly answer: (options: AnswererOptions) => { readonly pid: number; readonly atNs: number };
  /** Kills the answerer with -9. */
  readonly kill: () => { readonly pid: number; readonly atNs: number };
  /** Starts `anyprobe` with these arguments; `{dir}` in them and in the config becomes the stage's own directory. */
  readonly run: (command: { readonly argv: readonly string[]; readonly config?: string }) => {
    readonly pid: number;
    readonly atNs: number;
  };
  /** Asks the daemon. */
  readonly status: () => Status;
  readonly look: () => Look;
  /** Asks the address so often, each time from another port, and tells who answered how often. */
  readonly ask: (times: number) => Readonly<Record<string, number>>;
}

/** StageEvent is what a stage sees. */
export type StageEvent = { readonly atNs: number } & (
  | { readonly kind: "socket-gone" }
  | { readonly kind: "address-gone" }
  | { readonly kind: "address-back"; readonly label: string }
  | { readonly kind: "log"; readonly entry: LogEntry }
  | { readonly kind: "ended"; readonly who: "answerer" | "daemon"; readonly how: string }
);

/** LogEntry is one line of the daemon's log, as far as it is read here. */
export interface LogEntry {
  readonly event?: string;
  readonly msg: string;
  /** event check */
  readonly to?: string;
  readonly reason?: string;
  /** event route */
  readonly announcement?: string;
}

export interface Request {
  readonly id: number;
  readonly verb: keyof Verbs;
  readonly argument: unknown;
}

/** Failure is what went wrong there; with what an EngineError has, where it was one. */
export interface Failure {
  readonly message: string;
  readonly engine?: Pick<EngineError, "errno" | "syscall"> & { readonly code: EngineErrorCode };
}

type EngineErrorCode = ConstructorParameters<typeof EngineError>[0];

export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: Failure }
  | { readonly event: StageEvent };
