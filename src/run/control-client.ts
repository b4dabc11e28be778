// The other end of the control socket: asks the daemon of this host, for the command line and for tests.
import { once } from "node:events";
import { connect } from "node:net";
import { AnyprobeError, codes, type ErrorCode } from "../errors.js";
import { formatDuration, nsPerMs } from "../units.js";
import type { Status } from "./status.js";

/** A daemon that was stopped, or starved, for seconds still answers. */
const patienceMs = 10_000;

type Args = Readonly<Record<string, unknown>>;

/** Answer is one line of the daemon. */
interface Answer {
  readonly result?: unknown;
  readonly item?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

/**
 * call asks the daemon at a control socket for one verb and gives its result. Rejects with the daemon's own error where it
 * has one (ERR_RUN_ORDER: it refused), and with ERR_RUN_UNREACHABLE where none answers.
 */
export async function call<Result>(path: string, verb: string, args: Args = {}): Promise<Result> {
  for await (const answer of converse(path, { verb, args }, patienceMs)) {
    if ("result" in answer) return answer.result as Result;
    throw unreachable(path, "items instead of a result");
  }
  throw unreachable(path, closed);
}

/**
 * follow asks for a verb that tells items, and gives them as they come, until the daemon has told all. Fails as `call` does,
 * also where the daemon dies before that. `silenceMs` is how long nothing may come; the default is for ever.
 */
export async function* follow<Item>(
  path: string,
  verb: string,
  args: Args = {},
  silenceMs = 0,
): AsyncGenerator<Item, void, void> {
  for await (const answer of converse(path, { verb, args }, silenceMs)) {
    if ("result" in answer) return;
    yield answer.item as Item;
  }
  throw unreachable(path, closed);
}

/** fetchStatus asks the daemon at a control socket how it stands. Rejects as `call` does. */
export function fetchStatus(path: string): Promise<Status> {
  return call(path, "status");
}

const closed = "a connection that closed";

/** converse makes one request and gives the answers, errors thrown. */
async function* converse(path: string, request: object, silenceMs: number): AsyncGenerator<Answer, void, void> {
  const socket = connect(path).setEncoding("utf8");
  const silence = `no answer within ${formatDuration(silenceMs * nsPerMs)}`;
  socket.setTimeout(silenceMs, () => socket.destroy(unreachable(path, silence)));
  try {
    await once(socket, "connect");
    socket.write(`${JSON.stringify(request)}\n`);
    let received = "";
    for await (const text of socket) {
      const lines = `${received}${text}`.split("\n");
      received = lines.pop()!;
      for (const line of lines) yield parse(line, path);
    }
  } catch (error) {
    throw error instanceof AnyprobeError ? error : unreachable(path, refusal(error as NodeJS.ErrnoException), error);
  } finally {
    socket.destroy();
  }
}

function parse(line: string, path: string): Answer {
  let answer: Answer;
  try {
    answer = JSON.parse(line) as Answer;
  } catch {
    throw unreachable(path, "an answer that is no JSON");
  }
  if (answer?.error) throw rethrown(answer.error, path);
  if (typeof answer !== "object" || answer === null || !("result" in answer || "item" in answer))
    throw unreachable(path, "an empty answer");
  return answer;
}

/** The daemon's error as its own code; a fault of the daemon is none of this program. */
function rethrown({ code, message }: NonNullable<Answer["error"]>, path: string): AnyprobeError {
  return Object.hasOwn(codes, code) ? new AnyprobeError(code as ErrorCode, message) : unreachable(path, message);
}

function unreachable(path: string, got: string, cause?: unknown): AnyprobeError {
  return new AnyprobeError("ERR_RUN_UNREACHABLE", `expected a daemon at ${path}, got ${got}`, { cause });
}

function refusal({ code, message }: NodeJS.ErrnoException): string {
  if (code === "ENOENT") return "no socket there: is `anyprobe run` running, and is this its control socket?";
  if (code === "ECONNREFUSED") return "a socket that nobody serves: the daemon that made it has ended";
  if (code === "EACCES") return "no permission: run as its user, or as one of its group";
  if (code === "ECONNRESET" || code === "EPIPE") return closed;
  return code ?? message;
}
