// One conversation with BIRD over its control socket: commands and replies, nothing kept open. What they mean is the
// caller's business.
import { createConnection } from "node:net";
import { RouteError } from "../errors.js";

/** From here on a code is an error: 8… at run time, 9… of syntax. */
const firstErrorCode = 8000;
/** There is no such route: an answer like others. */
const noRoute = 8001;

/**
 * askBird runs commands one after another and gives the text of each reply, without codes. Rejects with
 * ERR_ROUTE_UNREACHABLE where BIRD has not answered all of them within `timeoutMs`, and ERR_ROUTE_REFUSED where it refuses one.
 */
export async function askBird(path: string, commands: readonly string[], timeoutMs: number): Promise<string[]> {
  const socket = createConnection(path).setEncoding("utf8");
  const timeout = setTimeout(() => {
    socket.destroy(
      new RouteError("ERR_ROUTE_UNREACHABLE", `BIRD does not answer at ${path} within ${timeoutMs} ms`, "bird"),
    );
  }, timeoutMs);
  try {
    const replies: string[] = [];
    // The greeting comes unasked, as a reply to nothing.
    let asked: string | undefined;
    for await (const { code, text } of repliesOn(socket)) {
      if (code >= firstErrorCode && code !== noRoute) {
        throw new RouteError(
          "ERR_ROUTE_REFUSED",
          `BIRD refused \`${asked}\` (code ${code}): ${text.trim().replaceAll("\n", "; ")}`,
          "bird",
        );
      }
      if (asked !== undefined) replies.push(text);
      asked = commands[replies.length];
      if (asked === undefined) return replies;
      socket.write(`${asked}\n`);
    }
    throw new RouteError("ERR_ROUTE_UNREACHABLE", `BIRD closed the connection at ${path}`, "bird");
  } catch (error) {
    if (error instanceof RouteError) throw error;
    throw new RouteError("ERR_ROUTE_UNREACHABLE", explain(path, error as NodeJS.ErrnoException), "bird", [], {
      cause: error,
    });
  } finally {
    clearTimeout(timeout);
    socket.destroy();
  }
}

/** `NNNN-text` goes on, `NNNN text` ends a reply, a leading space goes on under the code before. */
async function* repliesOn(chunks: AsyncIterable<string>): AsyncGenerator<{ code: number; text: string }> {
  let text = "";
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const [, code, last] = /^(\d{4})([- ])/.exec(line) ?? [];
      text += `${line.slice(code === undefined ? 1 : 5)}\n`;
      if (last !== " ") continue;
      yield { code: Number(code), text };
      text = "";
    }
  }
}

function explain(path: string, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "ENOENT":
      return `no socket at ${path}: BIRD is not running, or its control socket is elsewhere`;
    case "EACCES":
    case "EPERM":
      return `no permission to use ${path}: this user must be in the group bird`;
    case "ECONNREFUSED":
      return `BIRD does not answer at ${path}: the socket is there, the daemon has ended`;
    default:
      return `BIRD does not answer at ${path}: ${error.message}`;
  }
}
