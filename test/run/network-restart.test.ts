import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { prefixOf } from "../../src/route/prefix.js";
import { NetworkRestarts } from "../../src/run/network-restart.js";
import { allUp, prefixIn, stands } from "../support/daemon.js";
import { anycast, Host } from "../support/host.js";
import { skipWithoutLab } from "../support/lab.js";

const prefix = prefixOf("203.0.113.53");
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "anyprobe-units-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** As systemd does when a unit starts. */
const start = (unit: string, folder = directory) => symlinkSync("0123456789abcdef", join(folder, `invocation:${unit}`));

describe("a removal", () => {
  it("is excused once by a network service that starts within 30 s of it, before or after", () => {
    const restarts = new NetworkRestarts(directory);
    start("networking.service");
    for (const offMs of [-29_000, 29_000]) {
      restarts.note(prefix, Date.now() + offMs);
      expect(restarts.excused()).toEqual([[prefix, "networking.service"]]);
      expect(restarts.excused()).toEqual([]);
    }
  });

  it("is an operator's otherwise, and for good after 30 s", () => {
    const restarts = new NetworkRestarts(directory);
    start("ssh.service");
    restarts.note(prefix);
    expect(restarts.excused()).toEqual([]);
    start("NetworkManager.service");
    restarts.note(prefix, Date.now() - 32_000);
    expect(restarts.excused()).toEqual([]);
    expect(restarts.excused(Date.now() - 2000)).toEqual([]);
  });
});

test.skipIf(skipWithoutLab())("the daemon puts back what a restarting network service took away", async () => {
  await using host = await Host.create();
  await host.answer();
  const units = join(directory, "systemd", "units");
  mkdirSync(units, { recursive: true });
  // `ip netns exec` has given it a mount namespace of its own.
  const wrapper = ["sh", "-c", 'mount --bind "$1" /run && shift && exec "$@"', "sh", directory];
  const daemon = host.run(host.config(), { wrapper });
  await daemon.until(allUp);
  await host.deleteAddress();
  await daemon.until((seen) => prefixIn(seen, anycast).manual !== undefined);
  start("networking.service", units);
  await daemon.until(stands("announced", anycast));
  expect(daemon.lines.find(({ event }) => event === "restart")).toMatchObject({
    prefix: anycast,
    unit: "networking.service",
  });
});
