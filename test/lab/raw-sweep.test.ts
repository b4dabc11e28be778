// Every path of an anycast address is walked by source port: the bench's sweep, small.
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SweepLab } from "../../bench/raw-sweep.js";
import type { SweepRow } from "../../bench/raw-sweep-trial.js";
import { captureMissing } from "../../bench/truth-capture.js";
import { labMissing, skipWithoutLab } from "../support/lab.js";
import { serverMissing } from "./servers.js";

const firstPort = 43_000;

const skip = skipWithoutLab(labMissing() ?? serverMissing("unbound") ?? captureMissing());

describe.skipIf(skip)("a sweep over 64 source ports", () => {
  let stage: SweepLab;
  beforeAll(async () => {
    stage = await SweepLab.create();
  });
  afterAll(async () => stage?.[Symbol.asyncDispose]());

  describe.each([
    ["raw", { firstPort }],
    ["socket", {}],
  ] as const)("by the %s transport", (transport, more) => {
    test.each([4, 6] as const)("finds each endpoint over IPv%i, and no ICMP error leaves", async (family) => {
      const { result, portsOfSite, unsteadyPorts, icmpErrors } = await stage.sweep(family, {
        transport,
        ports: 64,
        rounds: 2,
        ...more,
      });
      expect(result.sent).toBe(128);
      expect(result.rows).toHaveLength(128);
      expect(new Set(result.rows.map(({ outcome }) => outcome))).toEqual(new Set(["answered"]));
      expect(Object.keys(portsOfSite).sort()).toEqual(["e1", "e2", "e3"]);
      expect(unsteadyPorts).toEqual([]);
      expect(icmpErrors).toBe(0);
      if (transport === "raw") {
        const ports = new Set(result.rows.map(({ sourcePort }) => sourcePort));
        expect([...ports].sort()).toEqual(Array.from({ length: 64 }, (_, i) => firstPort + i));
      }
    });
  });

  test("sets the source address of each packet, where that is asked for", async () => {
    const { client } = stage.lab.network;
    await client!.namespace.ip("address", "add", "198.18.0.77/24", "dev", "up0");
    const source = "198.18.0.77";
    let rows: readonly SweepRow[] = [];
    const packets = await stage.leaving(`udp and src ${source}`, async () => {
      const sweep = await stage.sweep(4, { transport: "raw", ports: 16, rounds: 2, firstPort, source });
      rows = sweep.result.rows;
    });
    expect(rows.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 32 }, () => "answered"));
    expect(packets.map(({ sourcePort }) => sourcePort)).toEqual(rows.map((_, i) => firstPort + (i % 16)));
  });

  test("would see an ICMP error, if one left", async () => {
    const { r1, client } = stage.lab.network;
    const errors = await stage.errorsDuring(async () => {
      const script = `printf x > /dev/udp/${client!.address}/${firstPort}`;
      await once(r1.namespace.spawn("bash", ["-c", script], { stdio: "ignore" }), "close");
    });
    expect(errors).toBe(1);
  });
});
