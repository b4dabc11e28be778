// The traffic meter, between two namespaces: what it tells is what the other end sent.
import { describe, expect, test } from "vitest";
import { inNamespace } from "../support/namespace.js";

const fixture = new URL("./fixtures/traffic.ts", import.meta.url);
const [v4, v6] = ["203.0.113.53", "2001:db8::53"];

describe("the meter counts", () => {
  test("each packet that others send to its addresses, in both families, and none to other addresses", async () => {
    expect(await inNamespace(fixture, "users")).toEqual({
      atFirst: { [v4]: 0, [v6]: 0 },
      afterV4: { [v4]: 10_000, [v6]: 0 },
      afterV6: { [v4]: 10_000, [v6]: 10_000 },
      afterOthers: { [v4]: 10_000, [v6]: 10_000 },
      received: { "203.0.113.53": 10_000, "2001:db8::53": 10_000, "203.0.113.54": 500, "2001:db8::54": 500 },
      sinceOpened: { [v4]: 10_000, [v6]: 10_000 },
    });
  });

  test("packets with IP options, at ports where nobody listens, and each fragment", async () => {
    expect(await inNamespace(fixture, "forms")).toEqual({
      options: { [v4]: 10, [v6]: 0 },
      unheard: { [v4]: 10, [v6]: 10 },
      fragments: { [v4]: 30, [v6]: 30 },
    });
  });

  test("what comes to an address that is not assigned any more", async () => {
    expect(await inNamespace(fixture, "withdrawn")).toEqual({ [v4]: 10, [v6]: 10 });
  });
});

describe("the meter does not count", () => {
  test("this host's own probes", async () => {
    expect(await inNamespace(fixture, "own probes")).toEqual({
      tally: { answered: 1000 },
      own: { [v4]: 0, [v6]: 0 },
      users: { [v4]: 1, [v6]: 1 },
    });
  });

  test("what is for another host and only overheard", async () => {
    // One packet each is for this host, and comes last.
    const { overheard, told } = await inNamespace(fixture, "overheard");
    expect(overheard).toBeGreaterThanOrEqual(200);
    expect(told).toEqual({ [v4]: 1, [v6]: 1 });
  });

  test("what comes after it was closed; then it tells how many came in all, and holds nothing open", async () => {
    expect(await inNamespace(fixture, "close")).toEqual({
      closed: { [v4]: 10, [v6]: 0 },
      later: { [v4]: 10, [v6]: 0 },
      descriptors: 0,
    });
  });
});

test("without CAP_NET_RAW the meter is refused, and the error says what is missing", async () => {
  expect(await inNamespace(fixture, "refusal", { unprivileged: true })).toEqual({
    code: "ERR_ENGINE_SYSCALL",
    errno: "EPERM",
    syscall: "socket AF_PACKET",
    message: "count packets to 203.0.113.53, 2001:db8::53: socket AF_PACKET failed with EPERM (needs CAP_NET_RAW)",
  });
});

test("what is no address is no address", async () => {
  expect(await inNamespace(fixture, "no address")).toBe('expected an IPv4 or IPv6 address, got "203.0.113.0/24"');
});
