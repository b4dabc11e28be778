// Node.js has no datagram sockets of the Unix domain, so the service manager is a few lines of Python.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { notify } from "../../src/engine/notify.js";
import { EngineError } from "../../src/errors.js";

let directory: string;
const before = process.env["NOTIFY_SOCKET"];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "anyprobe-notify-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
  if (before === undefined) delete process.env["NOTIFY_SOCKET"];
  else process.env["NOTIFY_SOCKET"] = before;
});

/** Binds `name` (a NUL first: abstract), and gives what the first datagram held. */
async function manager(name: string) {
  const program = `import socket,sys
s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM);s.settimeout(5)
name=sys.argv[1];s.bind("\\0"+name[1:] if name[0]=="@" else name)
print("bound",flush=True);print(s.recv(999).decode(),end="",flush=True)`;
  const child = spawn("python3", ["-c", program, name], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (data) => {
    text += data;
  });
  await once(child.stdout, "data");
  return async () => {
    await once(child, "close");
    return text.replace("bound\n", "");
  };
}

test.each(["path", "abstract"])("tells the service manager at its socket (%s)", async (kind) => {
  const name = kind === "path" ? join(directory, "notify") : `@anyprobe-test-${process.pid}`;
  const received = await manager(name);
  process.env["NOTIFY_SOCKET"] = name;
  expect(notify("READY=1\nSTATUS=2 prefixes announced")).toBe(true);
  expect(await received()).toBe("READY=1\nSTATUS=2 prefixes announced");
});

test("tells nobody where there is no service manager", () => {
  delete process.env["NOTIFY_SOCKET"];
  expect(notify("READY=1")).toBe(false);
});

test.each([
  ["/nowhere/notify", "ENOENT"],
  ["relative", "EAFNOSUPPORT"],
  [`/${"x".repeat(200)}`, "ENAMETOOLONG"],
])("a socket that cannot be told is an error (%s)", (path, errno) => {
  process.env["NOTIFY_SOCKET"] = path;
  expect(() => notify("READY=1")).toThrow(expect.objectContaining({ code: "ERR_ENGINE_SYSCALL", errno }));
  expect(() => notify("READY=1")).toThrow(EngineError);
});
