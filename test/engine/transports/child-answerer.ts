// Answerers in a process of their own (python3), which go on while this process's event loop stands still: one that spreads
// over SO_REUSEPORT sockets and counts, and one that keeps all queries back until it can answer them in one burst.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const listen = `
import os, select, signal, socket, sys
def listen(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    for option in (socket.SO_RCVBUF, 33): # SO_RCVBUFFORCE
        try:
            s.setsockopt(socket.SOL_SOCKET, option, 16 << 20)
        except PermissionError:
            pass
    s.bind(("127.0.0.1", port))
    s.setblocking(False)
    return s
def answer(s, query, peer):
    query = bytearray(query)
    query[2] |= 0x80
    try:
        s.sendto(query, peer)
    except OSError:
        pass
`;

/** Answers at once; argument: how many sockets. Tells how many queries each got when its stdin ends. */
const spreading = `${listen}
sockets = [listen(0)]
port = sockets[0].getsockname()[1]
sockets += [listen(port) for _ in range(int(sys.argv[1]) - 1)]
counts = {s.fileno(): 0 for s in sockets}
print(port, flush=True)
while True:
    ready, _, _ = select.select([sys.stdin, *sockets], [], [])
    if sys.stdin in ready:
        break
    for s in ready:
        for _ in range(64):
            try:
                query, peer = s.recvfrom(4096)
            except BlockingIOError:
                break
            counts[s.fileno()] += 1
            answer(s, query, peer)
print(list(counts.values()))
`;

/**
 * Keeps queries until so many are there or none came for a second; then it stops its parent, answers all, and lets its
 * parent go on. Argument: how many. Tells how many it answered.
 */
const bursting = `${listen}
count = int(sys.argv[1])
s = listen(0)
print(s.getsockname()[1], flush=True)
held = []
while len(held) < count:
    ready, _, _ = select.select([s], [], [], 1 if held else None)
    if not ready:
        break
    try:
        while True:
            held.append(s.recvfrom(4096))
    except BlockingIOError:
        pass
os.kill(os.getppid(), signal.SIGSTOP)
try:
    for query, peer in held:
        answer(s, query, peer)
finally:
    os.kill(os.getppid(), signal.SIGCONT)
print([len(held)], flush=True)
sys.stdin.read()
`;

/** ChildAnswerer is a running answerer at 127.0.0.1. */
export class ChildAnswerer {
  readonly address = "127.0.0.1";
  readonly #child: ChildProcess;
  readonly #lines: string[];

  private constructor(
    child: ChildProcess,
    lines: string[],
    readonly port: number,
  ) {
    this.#child = child;
    this.#lines = lines;
  }

  /** spread answers at once, on so many SO_REUSEPORT sockets. */
  static spread(sockets = 1): Promise<ChildAnswerer> {
    return ChildAnswerer.#start(spreading, sockets);
  }

  /** burst answers so many queries in one burst, during which this process is stopped. */
  static burst(queries: number): Promise<ChildAnswerer> {
    return ChildAnswerer.#start(bursting, queries);
  }

  static async #start(script: string, argument: number): Promise<ChildAnswerer> {
    const child = spawn("python3", ["-c", script, `${argument}`], { stdio: ["pipe", "pipe", "inherit"] });
    const lines: string[] = [];
    const output = createInterface({ input: child.stdout });
    output.on("line", (line) => lines.push(line));
    await Promise.race([once(output, "line"), once(child, "exit")]);
    if (lines.length === 0) throw new Error("the answerer did not start: python3 is needed");
    return new ChildAnswerer(child, lines, Number(lines[0]));
  }

  /** stop ends it; gives how many queries each of its sockets got. */
  async stop(): Promise<number[]> {
    const closed = once(this.#child, "close");
    this.#child.stdin!.end();
    await closed;
    return JSON.parse(this.#lines[1] ?? "[]") as number[];
  }

  /** kill ends it as it is. Idempotent. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
