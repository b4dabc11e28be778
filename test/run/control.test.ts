import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ControlSocket, fetchStatus } from "../../src/run/control.js";

let directory: string;
let path: string;
let open: ControlSocket | undefined;

const listen = async (verbs: Parameters<typeof ControlSocket.listen>[1]) => {
  open = await ControlSocket.listen(path, verbs);
};
/** ask sends octets and gives what came until the daemon hung up or `lines` lines were there. */
const ask = (octets: string, lines: number) =>
  new Promise<string>((resolve) => {
    const client = connect(path);
    let heard = "";
    client.on("data", (data) => {
      heard += data;
      if (heard.split("\n").length > lines) client.destroy();
    });
    client.on("error", () => {}).on("close", () => resolve(heard));
    client.write(octets);
  });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "anyprobe-control-"));
  path = join(directory, "deep", "anyprobe.sock");
});
afterEach(() => {
  open?.close();
  open = undefined;
  rmSync(directory, { recursive: true });
});

test("answers each line of one connection in its turn", async () => {
  await listen({ status: () => ({ fine: true }) });
  const answers = await ask('{"verb":"status"}\nnonsense\n{"verb":"dance"}\n{}\n', 4);
  expect(
    answers
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { result: { fine: true } },
    { error: expect.stringContaining("JSON") },
    { error: 'expected a verb of status, got "dance"' },
    { error: "expected a verb of status, got undefined" },
  ]);
});

test("an answer that cannot be given is an error, not an end", async () => {
  await listen({
    status: () => {
      throw new Error("not now");
    },
  });
  expect(JSON.parse(await ask('{"verb":"status"}\n', 1))).toEqual({ error: "not now" });
  await expect(fetchStatus(path)).rejects.toThrow("not now");
});

test("hangs up on a line without an end", async () => {
  await listen({});
  expect(await ask("x".repeat(10_000), 1)).toBe("");
});

test("close hangs up on clients that stay", async () => {
  await listen({});
  const client = connect(path);
  const closed = new Promise((resolve) => client.once("close", resolve));
  await new Promise((resolve) => client.once("connect", resolve));
  await ask("\n", 1);
  open!.close();
  await closed;
});

test("does not take the socket of a process that lives", async () => {
  path = join(directory, "other.sock");
  const other = createServer().listen(path);
  await expect(listen({})).rejects.toMatchObject({ code: "ERR_RUN_LOCKED" });
  other.close();
});

test.each(["a file", "a symbolic link"])("does not take the place of %s", async (kind) => {
  path = join(directory, "precious");
  if (kind === "a file") writeFileSync(path, "");
  else symlinkSync("nowhere", path);
  await expect(listen({})).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
  expect(statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false).toBe(false);
});

test.each([
  ["nobody", undefined, /got no socket there/],
  ["one that hangs up", "", /a connection that closed/],
  ["one that talks nonsense", "hello\n", /an answer that is no JSON/],
  ["one that says nothing of use", "{}\n", /an empty answer/],
])("a status asked of %s is ERR_RUN_UNREACHABLE", async (_, says, message) => {
  path = join(directory, "other.sock");
  const other = createServer((socket) => {
    socket.resume().end(says ?? "");
  });
  if (says !== undefined) await new Promise((resolve) => other.listen(path, () => resolve(undefined)));
  const status = fetchStatus(path);
  await expect(status).rejects.toThrow(message);
  await expect(status).rejects.toMatchObject({ code: "ERR_RUN_UNREACHABLE" });
  other.close();
});
