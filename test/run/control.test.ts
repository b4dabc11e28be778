import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AnyprobeError, RouteError } from "../../src/errors.js";
import { type Caller, ControlSocket, call, fetchStatus, follow, type Verbs } from "../../src/run/control.js";
import { itemsOf } from "../../src/run/item-stream.js";

let directory: string;
let path: string;
let open: ControlSocket | undefined;

const listen = async (verbs: Verbs) => {
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
const parsed = (lines: string) =>
  lines
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

/** Tap is a stream of items that the test turns on and off. */
class Tap implements AsyncIterableIterator<unknown> {
  readonly #waiting: ((result: IteratorResult<unknown>) => void)[] = [];
  readonly returned: Promise<void>;
  asked = 0;
  #return!: () => void;

  constructor() {
    this.returned = new Promise((resolve) => {
      this.#return = resolve;
    });
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    this.asked++;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  give(value: unknown) {
    this.#waiting.shift()!({ value });
  }

  end() {
    this.#waiting.shift()!({ done: true, value: undefined });
  }

  async return(): Promise<IteratorResult<unknown>> {
    this.#return();
    return { done: true, value: undefined };
  }
}

async function gather<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const until = async (isSo: () => boolean) => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "anyprobe-control-"));
  path = join(directory, "deep", "anyprobe.sock");
});
afterEach(() => {
  open?.close();
  open = undefined;
  rmSync(directory, { recursive: true });
});

describe("the socket", () => {
  test("is for its user and group alone", async () => {
    await listen({});
    expect(statSync(path).mode & 0o777).toBe(0o660);
  });

  test("answers each line of one connection in its turn", async () => {
    await listen({
      status: () => ({ fine: true }),
      late: () => new Promise((resolve) => setTimeout(resolve, 20, "late")),
      nothing: () => undefined,
    });
    const answers = await ask(
      '{"verb":"late"}\n{"verb":"status"}\nnonsense\n[]\n{"verb":"dance"}\n{}\n{"verb":"nothing"}\n',
      7,
    );
    const noJson = { code: "ERR_RUN_ORDER", message: 'expected a request as {"verb": "status"}, got no JSON object' };
    const verbs = "expected a verb of status, late, nothing, got";
    expect(parsed(answers)).toEqual([
      { result: "late" },
      { result: { fine: true } },
      { error: noJson },
      { error: noJson },
      { error: { code: "ERR_RUN_ORDER", message: `${verbs} "dance"` } },
      { error: { code: "ERR_RUN_ORDER", message: `${verbs} undefined` } },
      { result: null },
    ]);
  });

  test("takes a request in pieces, cut within a character too", async () => {
    await listen({ echo: ({ text }) => text });
    const request = Buffer.from('{"verb":"echo","args":{"text":"größer"}}\n');
    const client = connect(path);
    let heard = "";
    client.setEncoding("utf8").on("data", (text) => {
      heard += text;
    });
    for (const octet of request) {
      await new Promise((resolve) => client.write(Buffer.of(octet), resolve));
    }
    await until(() => heard.endsWith("\n"));
    client.destroy();
    expect(JSON.parse(heard)).toEqual({ result: "größer" });
  });

  test("still answers who has ended its side", async () => {
    await listen({ late: () => new Promise((resolve) => setTimeout(resolve, 20, 1)) });
    const client = connect(path);
    client.end('{"verb":"late"}\n{"verb":"late"}\n');
    let heard = "";
    for await (const text of client.setEncoding("utf8")) heard += text;
    expect(parsed(heard)).toEqual([{ result: 1 }, { result: 1 }]);
  });

  test("gives a verb its arguments, and who asks as the kernel knows it", async () => {
    const heard: [unknown, Caller][] = [];
    await listen({ drain: (args, caller) => void heard.push([args, caller]) });
    await call(path, "drain", { what: "resolver", for_ms: 1000 });
    const { uid, gid, username: name } = userInfo();
    expect(heard).toEqual([
      [
        { what: "resolver", for_ms: 1000 },
        { pid: process.pid, uid, gid, name },
      ],
    ]);
  });

  test.runIf(process.getuid?.() === 0)("names a caller that no user has by its number", async () => {
    let caller: Caller | undefined;
    await listen({
      hello: (_, by) => {
        caller = by;
      },
    });
    chmodSync(directory, 0o755);
    const program = `require("node:net").connect(${JSON.stringify(path)}).end('{"verb":"hello"}\\n').resume()`;
    // Root alone can become anybody; the group is the socket's.
    const child = spawn(process.execPath, ["-e", program], { uid: 54_321, gid: process.getgid!(), cwd: "/" });
    await once(child, "exit");
    expect(caller).toEqual({ pid: child.pid, uid: 54_321, gid: process.getgid!(), name: "uid 54321" });
  });

  test.each([
    ['{"verb":"drain","args":7}', "args: expected an object, got 7"],
    ['{"verb":"drain","args":[]}', "args: expected an object, got []"],
    ['{"verb":"drain","args":{"reason":"a\\nb"}}', 'reason: expected text without control characters, got "a\\nb"'],
    [
      '{"verb":"drain","args":{"deep":[{"reason":"\\u001b[2J"}]}}',
      'deep: expected text without control characters, got [{"reason":"\\u001b[2J"}]',
    ],
    [
      '{"verb":"drain","args":{"deep":{"a\\u0085":1}}}',
      expect.stringMatching(/^deep: expected text without control characters/),
    ],
  ])("refuses %s", async (request, message) => {
    await listen({ drain: () => "done" });
    expect(JSON.parse(await ask(`${request}\n`, 1))).toEqual({ error: { code: "ERR_RUN_ORDER", message } });
  });

  test.each(["a line without an end", "more requests than it has answered"])("hangs up on %s", async (kind) => {
    await listen({ wait: () => new Promise(() => {}) });
    const octets = kind === "a line without an end" ? "x".repeat(20_000) : '{"verb":"wait"}\n'.repeat(2000);
    expect(await ask(octets, 1)).toBe("");
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
});

describe("call", () => {
  test("gives the result, also one that is null", async () => {
    await listen({ status: () => ({ fine: true }), unfreeze: async () => undefined });
    expect(await call(path, "status")).toEqual({ fine: true });
    expect(await call(path, "unfreeze")).toBeNull();
  });

  test("throws the daemon's own error", async () => {
    await listen({
      drain: () => {
        throw new AnyprobeError("ERR_RUN_ORDER", "not while it is the last");
      },
      withdraw: async () => {
        throw new RouteError("ERR_ROUTE_REFUSED", "ospfd refused", "frr");
      },
    });
    await expect(call(path, "drain")).rejects.toMatchObject({
      code: "ERR_RUN_ORDER",
      message: "not while it is the last",
    });
    await expect(call(path, "withdraw")).rejects.toMatchObject({ code: "ERR_ROUTE_REFUSED", message: "ospfd refused" });
  });

  test("a fault of the daemon is none of the client", async () => {
    await listen({
      status: () => {
        throw new TypeError("not now");
      },
      circle: () => {
        const circle: unknown[] = [];
        circle.push(circle);
        return circle;
      },
    });
    await expect(fetchStatus(path)).rejects.toMatchObject({
      code: "ERR_RUN_UNREACHABLE",
      message: `expected a daemon at ${path}, got not now`,
    });
    await expect(call(path, "circle")).rejects.toThrow(/circular/);
    // Its connection may be in ruins, but it goes on.
    await expect(call(path, "status")).rejects.toThrow("not now");
  });

  test.each([
    ["nobody", undefined, /got no socket there/],
    ["one that hangs up", "", /a connection that closed/],
    ["one that dies amid an answer", '{"result": {"fin', /a connection that closed/],
    ["one that talks nonsense", "hello\n", /an answer that is no JSON/],
    ["one that says nothing of use", "{}\n", /an empty answer/],
    ["one that says nothing at all", "null\n", /an empty answer/],
    ["one that tells of events", '{"item": 1}\n', /items instead of a result/],
  ])("of %s is ERR_RUN_UNREACHABLE", async (_, says, message) => {
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
});

describe("follow", () => {
  test("gives all items, and ends with them", async () => {
    await listen({
      events: async function* () {
        yield { seq: 1 };
        yield null;
        yield "three";
      },
    });
    expect(await gather(follow(path, "events"))).toEqual([{ seq: 1 }, null, "three"]);
  });

  test("takes any number of items that the client reads, however large", async () => {
    const large = "x".repeat(100_000);
    await listen({
      events: async function* () {
        for (let i = 0; i < 100; i++) yield large;
      },
    });
    let octets = 0;
    for await (const item of follow<string>(path, "events")) octets += item.length;
    expect(octets).toBe(100 * large.length);
  });

  test("gives each item when it is there", async () => {
    const tap = new Tap();
    await listen({ events: () => tap });
    const items = follow(path, "events");
    for (const seq of [1, 2, 3]) {
      const next = items.next();
      await until(() => tap.asked === seq);
      tap.give({ seq });
      expect(await next).toEqual({ done: false, value: { seq } });
    }
    const last = items.next();
    await until(() => tap.asked === 4);
    tap.end();
    expect(await last).toEqual({ done: true, value: undefined });
  });

  test("hangs up when nobody reads on, and the daemon ends the items", async () => {
    const tap = new Tap();
    await listen({ events: () => tap });
    const items = follow(path, "events");
    const first = items.next();
    await until(() => tap.asked === 1);
    tap.give(1);
    await first;
    await items.return();
    await tap.returned;
  });

  test("the daemon ends the items of a client that hung up before there were any", async () => {
    const tap = new Tap();
    let isAsked = false;
    let give!: (items: Tap) => void;
    const promise = new Promise((resolve) => {
      give = resolve;
    });
    await listen({
      events: () => {
        isAsked = true;
        return promise;
      },
    });
    const client = connect(path);
    client.write('{"verb":"events"}\n');
    await until(() => isAsked);
    client.destroy();
    await call(path, "dance").catch(() => {});
    give(tap);
    await tap.returned;
    expect(tap.asked).toBe(0);
  });

  test("an error amid the items is thrown", async () => {
    await listen({
      events: async function* () {
        yield 1;
        throw new AnyprobeError("ERR_RUN_ORDER", "no more");
      },
    });
    const items = follow(path, "events");
    expect(await items.next()).toEqual({ done: false, value: 1 });
    await expect(items.next()).rejects.toMatchObject({ code: "ERR_RUN_ORDER", message: "no more" });
  });

  test("a daemon that ends amid the items is ERR_RUN_UNREACHABLE", async () => {
    const tap = new Tap();
    await listen({ events: () => tap });
    const items = follow(path, "events");
    const first = items.next();
    await until(() => tap.asked === 1);
    open!.close();
    await expect(first).rejects.toMatchObject({
      code: "ERR_RUN_UNREACHABLE",
      message: `expected a daemon at ${path}, got a connection that closed`,
    });
    await tap.returned;
  });

  test("a daemon that is silent for too long is ERR_RUN_UNREACHABLE, where it should not be", async () => {
    await listen({ events: () => new Tap() });
    await expect(gather(follow(path, "events", {}, 50))).rejects.toThrow("no answer within 50.0ms");
  });

  test("cuts off a client that leaves too much unread, and goes on with others", async () => {
    let told = 0;
    let over!: () => void;
    const returned = new Promise<void>((resolve) => {
      over = resolve;
    });
    await listen({
      status: () => "fine",
      events: async function* () {
        try {
          for (; ; told++) yield "x".repeat(1 << 16);
        } finally {
          over();
        }
      },
    });
    const client: Socket = connect(path).pause();
    client.on("error", () => {});
    client.write('{"verb":"events"}\n');
    await until(() => told > 0);
    expect(await call(path, "status")).toBe("fine");
    await returned;
    // What the kernel holds for it, 1 MiB, and the item that was too much.
    expect(told * (1 << 16)).toBeLessThan(3 << 20);
    client.destroy();
  });
});

describe("itemsOf", () => {
  test("gives what was, then what comes", async () => {
    const tap = new Tap();
    const items = itemsOf<unknown>([1, 2], tap);
    expect([await items.next(), await items.next()]).toEqual([{ value: 1 }, { value: 2 }]);
    const third = items.next();
    tap.give(3);
    expect(await third).toEqual({ value: 3 });
  });

  test("ends after what was, where nothing is to come", async () => {
    expect(await gather(itemsOf([1, 2]))).toEqual([1, 2]);
  });

  test("returns while it waits for the next", async () => {
    const tap = new Tap();
    const items = itemsOf<unknown>([], tap);
    void items.next();
    expect(await items.return!()).toEqual({ done: true, value: undefined });
    await tap.returned;
  });
});
