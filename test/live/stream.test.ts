import { get, type IncomingMessage } from "node:http";
import { afterEach, expect, it } from "vitest";
import { Live, type LiveOptions, type Part } from "../../src/live/stream.js";
import { HttpListener } from "../../src/serve/http.js";
import { within } from "../support/daemon.js";

interface Message {
  readonly id: string;
  readonly event: string;
  readonly parts: Readonly<Record<string, unknown>>;
  readonly gone: readonly string[];
}

let listener: HttpListener | undefined;
let live: Live | undefined;
afterEach(() => {
  live?.close();
  listener?.close();
});

async function serve(parts: () => Iterable<Part>, options: LiveOptions = {}): Promise<Live> {
  // Nothing is looked at by the clock: what is told, was poked.
  live = new Live(parts, { everyMs: 60_000, ...options });
  listener = await HttpListener.listen({ address: "127.0.0.1", port: 0 }, [live.handler]);
  return live;
}

/** Client reads the stream as a browser does. */
class Client {
  text = "";
  ended = false;
  private constructor(readonly answer: IncomingMessage) {
    answer.setEncoding("utf8").on("data", (text: string) => {
      this.text += text;
    });
    answer.on("error", () => {});
    answer.on("close", () => {
      this.ended = true;
    });
  }

  static async open(lastId?: string): Promise<Client> {
    const { port } = listener!.place;
    const headers = lastId === undefined ? {} : { "last-event-id": lastId };
    return new Client(
      await new Promise((resolve, reject) =>
        get({ host: "127.0.0.1", port, path: "/live", headers, agent: false }, resolve).on("error", reject),
      ),
    );
  }

  /** Those that came whole. */
  get messages(): Message[] {
    return this.text
      .split("\n\n")
      .slice(0, -1)
      .flatMap((block) => {
        const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s)));
        return fields.data ? [{ id: fields.id, event: fields.event, ...JSON.parse(fields.data) }] : [];
      });
  }

  async message(number: number): Promise<Message> {
    const found = await within(5000, async () => this.messages[number]);
    expect(found, `message ${number} of ${this.text}`).toBeDefined();
    return found!;
  }

  close() {
    this.answer.destroy();
  }
}

it("tells everything first, and then what changed and what is gone", async () => {
  let parts: Part[] = [
    ["head", { n: 1 }],
    ["prefix a", "up"],
    ["prefix b", "up"],
  ];
  const stream = await serve(() => parts);
  const client = await Client.open();
  expect(await client.message(0)).toMatchObject({
    event: "snapshot",
    parts: { head: { n: 1 }, "prefix a": "up", "prefix b": "up" },
    gone: [],
  });
  expect(client.answer.headers["content-type"]).toMatch(/^text\/event-stream/);
  expect(client.text).toMatch(/^retry: \d+\n\n/);
  // Another object that says the same is no change.
  parts = [
    ["head", { n: 1 }],
    ["prefix a", "down"],
  ];
  stream.poke();
  expect(await client.message(1)).toMatchObject({ event: "delta", parts: { "prefix a": "down" }, gone: ["prefix b"] });
  expect(Object.keys((await client.message(1)).parts)).toEqual(["prefix a"]);
});

it("goes on from where a client was, and begins anew for one of another stream", async () => {
  let n = 0;
  const stream = await serve(() => [
    ["still", "the same"],
    ["moving", n],
  ]);
  const first = await Client.open();
  const { id } = await first.message(0);
  n = 1;
  stream.poke();
  await first.message(1);
  const again = await Client.open(id);
  expect(await again.message(0)).toMatchObject({ event: "delta", parts: { moving: 1 } });
  expect(Object.keys((await again.message(0)).parts)).toEqual(["moving"]);
  for (const foreign of ["elsewhere.1", "x", `${id.split(".")[0]}.999999`, "."]) {
    const stranger = await Client.open(foreign);
    expect((await stranger.message(0)).event).toBe("snapshot");
    stranger.close();
  }
});

it("queues nothing for a client that does not read: it is told the newest when it does", async () => {
  const large = "x".repeat(1_000_000);
  let n = 0;
  const stream = await serve(() => [["head", `${n}${large}`]]);
  const client = await Client.open();
  await client.message(0);
  client.answer.pause();
  const looks = 200;
  let looked = 0;
  // Far more than it could take.
  for (; looked < looks; looked++) {
    n++;
    stream.poke();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  client.answer.resume();
  const last = await within(10_000, async () =>
    client.messages.find(({ parts }) => String(parts["head"]).startsWith(`${n}x`)),
  );
  expect(last).toBeDefined();
  // What the sockets' buffers hold came as it was; all between was never sent.
  expect(client.messages.length).toBeLessThan(20);
});

it("looks at nothing while nobody looks", async () => {
  let looks = 0;
  const stream = await serve(
    () => {
      looks++;
      return [["head", looks]];
    },
    { everyMs: 10 },
  );
  stream.poke();
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(looks).toBe(0);
  const client = await Client.open();
  await client.message(3);
  client.close();
  expect(await within(5000, async () => (stream.clients === 0 ? true : undefined))).toBe(true);
  const then = looks;
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(looks).toBe(then);
});

it("takes so many clients and no more, and a next one when one has gone", async () => {
  const stream = await serve(() => [["head", 1]], { clients: 2 });
  const [first] = [await Client.open(), await Client.open()];
  const refused = await Client.open();
  expect(refused.answer.statusCode).toBe(503);
  first.close();
  expect(await within(5000, async () => (stream.clients === 1 ? true : undefined))).toBe(true);
  expect((await Client.open()).answer.statusCode).toBe(200);
});

it("outlives parts that cannot be made, and tells of each fault once", async () => {
  const told: string[] = [];
  let fault: string | undefined;
  const stream = await serve(
    function* () {
      yield ["head", fault ?? "well"];
      if (fault !== undefined) throw new Error(fault);
    },
    { everyMs: 10, onError: ({ message }) => void told.push(message) },
  );
  const client = await Client.open();
  await client.message(0);
  fault = "no reading";
  expect(await within(5000, async () => told[0])).toBe("no reading");
  await new Promise((resolve) => setTimeout(resolve, 60));
  fault = undefined;
  stream.poke();
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(told).toEqual(["no reading"]);
  // What could not be made whole was not told at all.
  expect(client.messages.every(({ parts }) => parts["head"] !== "no reading")).toBe(true);
});

it("ends all streams when it is closed", async () => {
  const stream = await serve(() => [["head", 1]]);
  const client = await Client.open();
  await client.message(0);
  stream.close();
  expect(await within(5000, async () => (client.ended ? true : undefined))).toBe(true);
});

it("tells a change soon after a look that took long", async () => {
  let slow = true;
  let n = 0;
  const stream = await serve(() => {
    // Such as where the process stood still.
    const untilMs = performance.now() + (slow ? 300 : 0);
    while (performance.now() < untilMs);
    slow = false;
    return [["head", n]];
  });
  const client = await Client.open();
  await client.message(0);
  n = 1;
  const startMs = performance.now();
  stream.poke();
  await client.message(1);
  // Forty times as long as the look would be twelve seconds.
  expect(performance.now() - startMs).toBeLessThan(2000);
});
