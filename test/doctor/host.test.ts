// On a clean host the doctor is silent. Each fault that is planted there, one at a time, it names, and no other.
import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { daemonDirectory } from "../../src/demo/frr.js";
import { anycast, hostMissing } from "../support/host.js";
import { skipWithoutLab } from "../support/lab.js";
import { addressFaults } from "./fault-address.js";
import { hostFaults } from "./fault-host.js";
import { trafficFaults } from "./fault-traffic.js";
import { Patient, timedatectl } from "./patient.js";
import { flush, hook, input } from "./plant.js";

describe.skipIf(skipWithoutLab(hostMissing()))("a host", () => {
  let patient: Patient;
  beforeAll(async () => {
    patient = await Patient.create();
  }, 30_000);
  afterEach(() => patient.recover());
  afterAll(() => patient?.[Symbol.asyncDispose]());

  it("is met with silence while it is clean", async () => {
    expect(await patient.examined()).toEqual([]);
  });

  it("is examined without a config, at the addresses on lo that are no router's id", async () => {
    await patient.host.ip("address", "add", "198.18.0.200/32", "dev", "lo");
    await patient.host.deleteAddress();
    patient.write("/etc/frr/frr.conf", "router ospf\n ospf router-id 198.18.0.200\n");
    expect((await patient.visit({})).map(({ id }) => id)).toEqual(["no-prefix"]);
    await patient.host.addAddress();
    expect(await patient.visit({})).toEqual([]);
    await patient.host.ip("address", "del", "198.18.0.200/32", "dev", "lo");
  });

  it.each([...addressFaults, ...trafficFaults, ...hostFaults])(
    "has $finds named, and nothing else: $by",
    async ({ finds, severity, subject, plant, heal, config, besides, tells }) => {
      try {
        await plant(patient);
        const findings = (await patient.examined(config)).filter(({ id }) => id !== besides);
        expect(findings).toMatchObject([{ id: finds, severity, subject }]);
        if (typeof tells === "string") expect(findings[0]!.message).toContain(tells);
        else expect(findings[0]!.message).toMatch(tells);
      } finally {
        await heal?.(patient);
      }
    },
  );

  it("has the owner named that a running zebra is, which its files do not tell of", async () => {
    const directory = mkdtempSync(join(tmpdir(), "anyprobe-zebra-"));
    try {
      const number = (flag: string) => Number(execFileSync("id", [flag, "frr"], { encoding: "utf8" }));
      writeFileSync(join(directory, "zebra.conf"), `interface lo\n ip address ${anycast}\n`);
      chownSync(directory, number("-u"), number("-g"));
      const [at, files] = [`${daemonDirectory}/zebra`, ["-f", "zebra.conf", "-i", "zebra.pid", "-z", "zserv.api"]];
      const argv = [...files, "-u", "frr", "-g", "frr", "--vty_socket", directory, "-A", "127.0.0.1", "-P", "0"];
      const zebra = patient.start("env", ["-C", directory, at, ...argv]);
      while (!existsSync(join(directory, "zebra.vty"))) {
        expect(zebra.exitCode).toBeNull();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const findings = await patient.examined({ service: { guard: { others: 1, frr: directory } } });
      // ospfd does not run beside it.
      expect(findings.filter(({ id }) => id !== "router-unreachable")).toMatchObject([
        { id: "address-owner", severity: "warning", subject: anycast },
      ]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it.each([
    ["lets everything in", input(hook("accept"), "tcp dport 22 drop")],
    ["lets the service in by a map", input(hook("drop"), "iif lo accept", "udp dport vmap { 53 : accept }")],
    ["may let some clients in", input(hook("drop"), "iif lo accept", "ip saddr 198.18.0.0/15 udp dport 53 accept")],
    ["limits a rate", input(hook("accept"), "udp dport 53 limit rate over 100000/second drop")],
    ["drops what is no query", input(hook("accept"), "ct state invalid drop", "iif != lo ip saddr 127.0.0.0/8 drop")],
    ["drops elsewhere", input("type filter hook forward priority 0; policy drop;")],
  ] as const)("is not blamed for a packet filter that %s", async (_, plant) => {
    try {
      plant(patient);
      expect(await patient.examined()).toEqual([]);
    } finally {
      flush(patient);
    }
  });

  it("has an examination named that could not be made, and the others' findings", async () => {
    patient.install("nft", "#!/bin/sh\necho no JSON\n");
    patient.setClock("no");
    const findings = await patient.examined();
    patient.setClock("yes");
    patient.uninstall("nft");
    expect(findings).toMatchObject([
      { id: "clock-unsynchronised" },
      { id: "examination-failed", severity: "note", subject: "packet filter" },
    ]);
  });

  it.each([
    ["is not allowed", "exit 1"],
    ["kills itself", "kill -9 $$"],
  ])("is not blamed for a program that %s", async (_, line) => {
    patient.install("timedatectl", `#!/bin/sh\n${line}\n`);
    const findings = await patient.examined();
    patient.install("timedatectl", timedatectl);
    expect(findings).toEqual([]);
  });

  it("is clean again at the end", async () => {
    expect(await patient.examined()).toEqual([]);
  });
});
