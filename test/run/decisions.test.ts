// The decisions on several prefixes, whose databases are read from different routers.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Prefix, prefixOf } from "../../src/route/prefix.js";
import { BootClock } from "../../src/run/boot-clock.js";
import { readConfigText } from "../../src/run/config-file.js";
import { Decisions } from "../../src/run/decisions.js";
import { monotonicNs } from "../../src/units.js";

const [four, six] = [prefixOf("203.0.113.53"), prefixOf("2001:db8::53")];

test("a router that hangs delays the guard of no prefix that rests on another", async () => {
  const folder = mkdtempSync(join(tmpdir(), "anyprobe-eyes-"));
  const text = `services: { both: { prefixes: ["${four}", "${six}"], checks: [dns: { name: health.example.com }], route: [frr: { sockets: ${folder} }], guard: { others: 1 } } }`;
  let onSight = () => {};
  const sight = new Promise<void>((resolve) => {
    onSight = resolve;
  });
  const now = new BootClock().now();
  const decisions = new Decisions(readConfigText(text, "x").config, [], now, onSight);
  // An ospf6d that has nothing to say, and later does not even say that.
  let hangs = false;
  let askedInVain = 0;
  const ospf6d = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => {
      if (hangs) askedInVain++;
      else socket.write("\0\0\0\0".repeat(data.filter((octet) => octet === 0).length));
    });
  });
  await new Promise<void>((listening) => ospf6d.listen(join(folder, "ospf6d.vty"), listening));
  await decisions.open(false);
  hangs = true;
  try {
    const decide = (prefix: Prefix) => {
      const nowNs = monotonicNs();
      const wants = { want: "withdrawn", because: "a test", observed: "announced", canDeprefer: false } as const;
      decisions.decide(prefix, { nowNs, ...wants });
      return decisions.guardOf(prefix)!.reason;
    };
    for (const prefix of [four, six]) decide(prefix);
    decisions.lookInTime(monotonicNs());
    await sight;
    const told = [four, six].map(decide);
    expect(told[0]).toMatch(/ospfd\.vty: ospfd is not running/);
    expect(told[1]).toMatch(/^the database of ospf6d .* could not be read/);
    await expect.poll(() => decide(six), { timeout: 8000 }).toMatch(/ospf6d does not answer/);
    expect(askedInVain).toBeGreaterThan(0);
  } finally {
    decisions.close();
    ospf6d.close();
    rmSync(folder, { recursive: true });
  }
});
