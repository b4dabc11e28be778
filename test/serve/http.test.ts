// The HTTP listener, asked by real clients: node's own, and sockets that say what no client would.
import { get, type IncomingHttpHeaders, request } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type Handler, HttpListener, type HttpOptions, type Reply } from "../../src/serve/http.js";

const open: HttpListener[] = [];
afterEach(() => {
  for (const listener of open.splice(0)) listener.close();
});

const text = { "content-type": "text/plain; charset=utf-8" };
const hello: Handler = {
  path: "/hello",
  handle: ({ query }) => ({ headers: text, body: `hello ${query.get("who") ?? ""}` }),
};

async function listen(handlers: readonly Handler[] = [hello], options: HttpOptions = {}): Promise<number> {
  const listener = await HttpListener.listen({ address: "127.0.0.1", port: 0 }, handlers, options);
  open.push(listener);
  return listener.place.port;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function ask(port: number, path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request({ host: "127.0.0.1", port, path, method, headers, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (piece: string) => {
        body += piece;
      });
      response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, body }));
      response.on("error", reject);
    });
    asking.on("error", reject).end();
  });
}

/** What comes back on a socket that says just this, until the other side closes it. */
function say(port: number, words: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(words));
    socket.setEncoding("latin1").on("data", (piece: string) => {
      heard += piece;
    });
    socket.on("close", () => resolve(heard)).on("error", reject);
  });
}

describe("the HTTP listener", () => {
  it("answers GET and HEAD, with headers that let nothing be loaded, framed, sniffed or kept", async () => {
    const port = await listen();
    const answer = await ask(port, "/hello?who=you");
    expect(answer).toMatchObject({ status: 200, body: "hello you" });
    expect(answer.headers).toMatchObject({
      "content-security-policy": expect.stringContaining("default-src 'none'"),
      "x-content-type-options": "nosniff",
      "cross-origin-resource-policy": "same-origin",
      "cache-control": "no-store",
      ...text,
    });
    expect(await ask(port, "/hello", {}, "HEAD")).toMatchObject({ status: 200, body: "" });
  });

  it("lets a handler set the policy of its own page", async () => {
    const policy = { ...text, "content-security-policy": "script-src 'self'" };
    const port = await listen([{ path: "/page", handle: () => ({ headers: policy, body: "" }) }]);
    expect((await ask(port, "/page")).headers["content-security-policy"]).toBe("script-src 'self'");
  });

  it("says what there is where there is nothing", async () => {
    const port = await listen();
    for (const path of ["/", "/hello/", "//hello", "/%68ello"])
      expect(await ask(port, path), path).toMatchObject({ status: 404, body: expect.stringContaining("/hello") });
  });

  it.each(["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])("refuses %s", async (method) => {
    const port = await listen();
    expect(await ask(port, "/hello", {}, method)).toMatchObject({ status: 405, headers: { allow: "GET, HEAD" } });
  });

  it.each([
    ["a length", "Content-Length: 5\r\n\r\nhello"],
    ["chunks", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
  ])("refuses a body with %s, and hangs up", async (_, rest) => {
    const port = await listen();
    expect(await say(port, `GET /hello HTTP/1.1\r\nHost: localhost\r\n${rest}`)).toMatch(/^HTTP\/1\.1 413 /);
  });

  it("refuses a name that is not this host's, so that no name can be pointed at it", async () => {
    const port = await listen();
    const status = async (host: string) => (await ask(port, "/hello", { host })).status;
    for (const host of [`127.0.0.1:${port}`, "localhost", "localhost:8080", "[::1]:1", "192.0.2.1"])
      expect(await status(host), host).toBe(200);
    for (const host of ["evil.example", `evil.example:${port}`, "localhost.evil.example", "127.0.0.1.evil.example"])
      expect(await status(host), host).toBe(421);
    for (const none of ["HTTP/1.0\r\n", "HTTP/1.0\r\nHost:\r\n"])
      expect(await say(port, `GET /hello ${none}\r\n`), none).toMatch(/^HTTP\/1\.1 421 /);
  });

  it("refuses pages of other origins", async () => {
    const port = await listen();
    const status = async (origin: string) => (await ask(port, "/hello", { origin })).status;
    expect(await status(`http://127.0.0.1:${port}`)).toBe(200);
    for (const origin of ["null", "http://127.0.0.1:1", `http://localhost:${port}`, "https://evil.example"])
      expect(await status(origin), origin).toBe(403);
  });

  it("asks for the token in every request where it has one, and then goes by any name", async () => {
    const token = "0123456789abcdef";
    const port = await listen([hello], { token });
    const status = async (authorization: string, path = "/hello") =>
      (await ask(port, path, { authorization, host: "probe1.example.net" })).status;
    const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
    expect(await ask(port, "/hello")).toMatchObject({
      status: 401,
      headers: { "www-authenticate": expect.stringContaining("Basic") },
    });
    for (const right of [`Bearer ${token}`, `bearer ${token}`, basic(`:${token}`), basic(`prometheus:${token}`)])
      expect(await status(right), right).toBe(200);
    for (const wrong of ["", token, "Bearer", `Bearer ${token}x`, basic(token.slice(1)), `Digest ${token}`])
      expect(await status(wrong), wrong).toBe(401);
    // Nor does it tell a stranger what there is.
    expect(await status("", "/nothing")).toBe(401);
  });

  it("does not listen where others could reach it without a token", async () => {
    for (const address of ["0.0.0.0", "::", "198.18.0.1"])
      await expect(HttpListener.listen({ address, port: 0 }, [])).rejects.toMatchObject({
        code: "ERR_CONFIG_INVALID",
        message: expect.stringContaining("expected a loopback address"),
      });
    const token = "0123456789abcdef";
    open.push(await HttpListener.listen({ address: "0.0.0.0", port: 0 }, [], { token }));
    open.push(await HttpListener.listen({ address: "::1", port: 0 }, []));
  });

  it("says what the kernel refused", async () => {
    const port = await listen();
    await expect(HttpListener.listen({ address: "127.0.0.1", port }, [])).rejects.toMatchObject({
      code: "ERR_ENGINE_SYSCALL",
      errno: "EADDRINUSE",
      message: `could not listen at 127.0.0.1:${port}: EADDRINUSE (another process does)`,
    });
  });

  it("hangs up on who says nothing, or only half of something", async () => {
    const port = await listen([hello], { patienceMs: 200 });
    expect(await say(port, "")).toBe("");
    expect(await say(port, "GET /hello HTTP/1.1\r\nHost: localh")).not.toContain("200");
  });

  it("refuses headers that are too long", async () => {
    const port = await listen();
    expect(await say(port, `GET /hello HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(9000)}\r\n\r\n`)).toMatch(
      / 431 /,
    );
  });

  it("hangs up on more clients than it takes", async () => {
    const port = await listen([hello], { connections: 2 });
    const sockets = await Promise.all(
      [1, 2].map(
        () =>
          new Promise<ReturnType<typeof connect>>((resolve) => {
            const socket = connect(port, "127.0.0.1", () => resolve(socket));
          }),
      ),
    );
    expect(await say(port, "")).toBe("");
    const freed = new Promise((resolve) => sockets[0]!.once("close", resolve));
    sockets[0]!.destroy();
    await freed;
    await expect.poll(() => ask(port, "/hello").catch(() => undefined)).toMatchObject({ status: 200 });
    sockets[1]!.destroy();
  });

  it("asks a body for no more than its client takes, and ends it when the client goes", async () => {
    let made = 0;
    let ended = false;
    async function* endless() {
      try {
        for (; ; made++) {
          yield "x".repeat(65_536);
          await new Promise(setImmediate);
        }
      } finally {
        ended = true;
      }
    }
    const port = await listen([{ path: "/endless", handle: () => ({ headers: text, body: endless() }) }]);
    const socket = connect(port, "127.0.0.1", () => socket.write("GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    socket.pause();
    await expect.poll(() => made).toBeGreaterThan(0);
    const stands = async () => {
      const before = made;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return made === before;
    };
    await expect.poll(stands, { timeout: 10_000 }).toBe(true);
    // Sockets hold a few MiB; nothing piles up beyond.
    expect(made).toBeLessThan(400);
    socket.destroy();
    await expect.poll(() => ended).toBe(true);
  });

  it("aborts the signal of a client that goes, and of all when it closes", async () => {
    const signals: AbortSignal[] = [];
    async function* waiting(signal: AbortSignal) {
      yield "first\n";
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    }
    const handle: Handler["handle"] = ({ signal }) => {
      signals.push(signal);
      return { headers: text, body: waiting(signal) };
    };
    const port = await listen([{ path: "/events", handle }]);
    const begin = () =>
      new Promise<() => void>((resolve) => {
        const asking = get({ host: "127.0.0.1", port, path: "/events", agent: false }, (response) => {
          response.on("error", () => {});
          response.once("data", () => resolve(() => asking.destroy()));
        });
      });
    const leave = await begin();
    leave();
    await expect.poll(() => signals[0]!.aborted).toBe(true);
    await begin();
    expect(signals[1]!.aborted).toBe(false);
    open[0]!.close();
    expect(signals[1]!.aborted).toBe(true);
  });

  it("answers 500 where a handler throws, keeps the reason to itself, and breaks off what is half sent", async () => {
    const errors: string[] = [];
    const onError = (error: Error, path: string) => errors.push(`${path} ${error.message}`);
    async function* broken(): AsyncGenerator<string> {
      yield "half";
      await new Promise(setImmediate);
      throw new Error("secret");
    }
    const thrower = (): Reply => {
      throw new Error("secret");
    };
    const handlers: Handler[] = [
      { path: "/throws", handle: thrower },
      { path: "/rejects", handle: async () => thrower() },
      { path: "/breaks", handle: () => ({ headers: text, body: broken() }) },
    ];
    const port = await listen(handlers, { onError });
    for (const path of ["/throws", "/rejects"]) {
      const { status, body } = await ask(port, path);
      expect(status).toBe(500);
      expect(body).not.toContain("secret");
    }
    await expect(ask(port, "/breaks")).rejects.toThrow();
    expect(errors).toEqual(["/throws secret", "/rejects secret", "/breaks secret"]);
  });
});
