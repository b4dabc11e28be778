// A driver's program within its time limit, and in words what went wrong with it.
import { formatDuration, nsPerMs } from "../units.js";
import { firstLine, Program, type ProgramEnd, type ProgramOrder } from "./program.js";

/** ProgramOutcome is how a run ended. */
export interface ProgramOutcome {
  /** The beginning of what it wrote: see ProgramOrder. */
  readonly stdout: string;
  /** The first line that it wrote to stderr; empty where there is none. */
  readonly complaint: string;
  /** What went wrong, in words that begin with the program; absent where it ended with 0 in time. */
  readonly fault?: string;
}

/** One that was killed is waited for so long: what hangs in the kernel may never end. */
const killGraceMs = 500;

/**
 * runProgram runs a program to its end, and kills it whole where that takes longer than `timeoutMs`, or at once where `signal`
 * says so. Never rejects.
 */
export async function runProgram(
  order: ProgramOrder,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<ProgramOutcome> {
  const { late, end } = await endOf(order, timeoutMs, signal);
  const [stdout, complaint] = "stdout" in end ? [end.stdout, firstLine(end.stderr)] : ["", ""];
  const limit = formatDuration(timeoutMs * nsPerMs);
  const why = signal?.aborted ? "was killed as its driver was closed" : `did not end within ${limit}, and was killed`;
  const fault = late ? why : faultOf(end);
  if (fault === undefined) return { stdout, complaint };
  return { stdout, complaint, fault: `\`${order.command.join(" ")}\` ${fault}${complaint && `: ${complaint}`}` };
}

function faultOf(end: ProgramEnd): string | undefined {
  if ("errno" in end) return `could not be started: ${end.errno}`;
  if (typeof end.status === "string") return `was ended by ${end.status}`;
  return end.status === 0 ? undefined : `ended with status ${end.status}`;
}

interface Ended {
  /** It was killed. */
  readonly late: boolean;
  readonly end: ProgramEnd;
}

function endOf(order: ProgramOrder, timeoutMs: number, signal: AbortSignal | undefined): Promise<Ended> {
  return new Promise((resolve) => {
    let late = false;
    let over = false;
    let timer: NodeJS.Timeout;
    const finish = (end: ProgramEnd) => {
      over = true;
      clearTimeout(timer);
      signal?.removeEventListener("abort", expire);
      resolve({ late, end });
    };
    const program = new Program(order, { ended: finish });
    const expire = () => {
      if (over) return;
      late = true;
      clearTimeout(timer);
      timer = setTimeout(() => finish({ status: "SIGKILL", stdout: "", stderr: "" }), killGraceMs);
      program.kill();
    };
    signal?.addEventListener("abort", expire);
    // Timers run before anything is read: after a pause of this process, one that ended in time is yet to be heard of.
    timer = setTimeout(() => setImmediate(expire), timeoutMs);
  });
}
