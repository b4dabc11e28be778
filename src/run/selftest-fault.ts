// The selftest's faults: a wrong answer, a port that nobody listens at, a server that does not answer. Each must be seen, and
// told from the others. The service itself is not touched: the faults are our own.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { Expectation } from "../probe/expectation.js";
import { isUdp } from "../probe/query.js";
import { familyOf } from "../probe/target.js";
import { formatDuration, nsPerMs } from "../units.js";
import { methodOf } from "./asker.js";
import type { CheckConfig } from "./config.js";
import type { Asking, Question, Told } from "./selftest-ask.js";
import { adviceFor } from "./selftest-check.js";
import { doubtful, failed, type Proof, proven } from "./selftest-proof.js";

/** A shell starts in a millisecond or two, and on a busy host in more. */
const programMs = 5000;

/** proveWrongAnswer asks the check's question with an expectation that no answer can meet, or runs a program that says CRITICAL. */
export async function proveWrongAnswer(asking: Asking, question: Question): Promise<Proof> {
  const { check, prefix } = question;
  const isProgram = methodOf(check) === "exec";
  const what = isProgram
    ? `${check.name} would see a program that ends with 2`
    : `${check.name} would see a wrong answer`;
  const claim = { kind: "wrong-answer", subject: prefix, claim: what } as const;
  const wrong = isProgram ? programCheck(check, "exit 2", programMs) : { ...check, expect: impossible(check) };
  const [told] = await asking.ask({ ...question, check: wrong }, 1);
  const { finding, verdict } = told!;
  if (finding.outcome === "answered" || finding.outcome === "exited") {
    if (verdict.kind === "fail") return proven(claim, wordTold(told!));
    if (verdict.kind === "pass")
      return failed(claim, wordTold(told!), "a failure", "report this as a fault of anyprobe");
  }
  return doubtful(claim, `not tried: ${wordTold(told!)}`, "an answer", adviceFor(question, [told!]));
}

/** proveRefusedPort asks at a port where nobody listens: that must be known at once. A program asks no port of ours: undefined. */
export async function proveRefusedPort(asking: Asking, question: Question): Promise<Proof | undefined> {
  const { check, prefix, address } = question;
  const method = methodOf(check);
  if (method === "exec") return undefined;
  const transport: Transport = method === "tcp" ? "TCP" : "UDP";
  const claim = {
    kind: "refused-port",
    subject: prefix,
    claim: `a ${transport} port that nobody listens at is seen as refused`,
  } as const;
  // A port that the kernel has just had back is free.
  const { port, close } = await openSilent(transport, address);
  await close();
  const [told] = await asking.ask({ ...question, check: { ...check, port } }, 1);
  const { outcome } = told!.finding;
  if (told!.verdict.kind === "fail" && (outcome === "unreachable" || outcome === "refused"))
    return proven(claim, wordTold(told!));
  const expected = `a refusal by port ${port}`;
  if (told!.verdict.kind === "fail" && outcome === "timeout") {
    const advice =
      "this host drops such packets or the ICMP errors about them: a dead server is seen only by its silence";
    return doubtful(claim, wordTold(told!), expected, advice);
  }
  return failed(claim, wordTold(told!), expected, adviceFor(question, [told!]));
}

/** proveTimeout asks a socket of our own that never answers, or runs a program that does not end. */
export async function proveTimeout(asking: Asking, question: Question): Promise<Proof> {
  const { check, prefix } = question;
  const method = methodOf(check);
  const what = { exec: "a program that does not end", tcp: "a TCP server that does not answer" } as const;
  const who = method === "exec" || method === "tcp" ? what[method] : "a UDP server that does not answer";
  const claim = { kind: "timeout", subject: prefix, claim: `${who} is seen by its timeout` } as const;
  const [told] = await (method === "exec"
    ? asking.ask({ ...question, check: programCheck(check, "exec sleep 3600", check.timeoutMs) }, 1)
    : askSilent(asking, question, method === "tcp" ? "TCP" : "UDP"));
  if (told!.verdict.kind === "fail" && told!.finding.outcome === "timeout") return proven(claim, wordTold(told!));
  const expected = `timeout after ${formatDuration(check.timeoutMs * nsPerMs)}`;
  return failed(claim, wordTold(told!), expected, adviceFor(question, [told!]));
}

async function askSilent(asking: Asking, question: Question, transport: Transport): Promise<readonly Told[]> {
  const { address, port, close } = await openSilent(transport, question.address);
  try {
    return await asking.ask({ ...question, address, check: { ...question.check, port } }, 1);
  } finally {
    await close();
  }
}

/** No datagram or message has room for so many records, or octets. */
function impossible({ query }: CheckConfig): Expectation {
  const beyond = 65_536;
  return isUdp(query)
    ? { reply: { bytes: new Uint8Array(beyond), mask: new Uint8Array(beyond) } }
    : { minAnswers: beyond };
}

function programCheck(check: CheckConfig, script: string, timeoutMs: number): CheckConfig {
  return { ...check, timeoutMs, query: { command: ["/bin/sh", "-c", script], warning: "fail" } };
}

type Transport = "UDP" | "TCP";

/** Silent is a server that never answers. */
interface Silent {
  readonly address: string;
  readonly port: number;
  readonly close: () => Promise<unknown>;
}

/** At the address itself where it is this host's, else at loopback, at a port that the kernel picks. */
async function openSilent(transport: Transport, address: string): Promise<Silent> {
  const open = transport === "UDP" ? openSilentUdp : openSilentTcp;
  try {
    return await open(address);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRNOTAVAIL") throw error;
    return open(familyOf(address) === 4 ? "127.0.0.1" : "::1");
  }
}

async function openSilentUdp(address: string): Promise<Silent> {
  const socket = createSocket(`udp${familyOf(address)}`);
  socket.bind(0, address);
  await once(socket, "listening");
  return { address, port: socket.address().port, close: () => new Promise<void>((resolve) => socket.close(resolve)) };
}

async function openSilentTcp(address: string): Promise<Silent> {
  const server = createServer((socket) => socket.on("error", () => {}).resume());
  server.listen(0, address);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { address, port, close: () => new Promise<unknown>((resolve) => server.close(resolve)) };
}

function wordTold({ finding, verdict }: Told): string {
  const what = verdict.kind === "pass" ? "a pass" : `${verdict.kind}: ${verdict.reason}`;
  return `${what}, after ${formatDuration(finding.rttNs)}`;
}
