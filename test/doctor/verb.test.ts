// `anyprobe doctor` as a process: what it prints and how it ends, by the worst that it found.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderClean, renderFindings } from "../../src/cli/doctor-text.js";
import type { Finding } from "../../src/doctor/finding.js";
import { anycast, anycastAddress, hostMissing } from "../support/host.js";
import { skipWithoutLab } from "../support/lab.js";
import { Patient } from "./patient.js";

const findings: readonly Finding[] = [
  { id: "address-missing", severity: "error", subject: anycast, message: "expected it", fix: "ip address add" },
  { id: "wildcard-only", severity: "note", subject: anycast, message: "expected another", fix: "listen" },
];

describe("findings for people", () => {
  it("stand by severity, each with what to type", () => {
    expect(renderFindings(findings, false)).toBe(`1 error
  address-missing ${anycast}: expected it
      ip address add

1 note
  wildcard-only ${anycast}: expected another
      listen
`);
  });

  it("are coloured where that is wanted", () => {
    expect(renderFindings(findings, true)).toContain("\u001b[31maddress-missing\u001b[39m");
    expect(renderClean(false)).toBe("✓ nothing found\n");
  });
});

describe.skipIf(skipWithoutLab(hostMissing()))("anyprobe doctor", () => {
  let patient: Patient;
  beforeAll(async () => {
    patient = await Patient.create();
  }, 30_000);
  afterAll(() => patient?.[Symbol.asyncDispose]());

  const doctor = (...argv: readonly string[]) => patient.anyprobe("doctor", ...argv);

  it("is silent on a clean host, and ends with 0", async () => {
    const { host } = patient;
    host.writeConfig(host.config());
    expect(await doctor("-c", host.configFile)).toEqual({ code: 0, out: "", err: "" });
  });

  it("takes the addresses on lo where it has no config, and says so", async () => {
    const { code, out, err } = await doctor();
    expect({ code, out }).toEqual({ code: 0, out: "" });
    expect(err).toBe(`anyprobe: no config: ${anycast} on lo taken for anycast; --prefix says otherwise\n`);
  });

  it("ends with 1 where a warning is the worst", async () => {
    await patient.host.ip("address", "change", anycast, "dev", "lo", "valid_lft", "3600", "preferred_lft", "3600");
    const { code, out, err } = await doctor("--prefix", anycastAddress);
    await patient.host.ip(
      "address",
      "change",
      anycast,
      "dev",
      "lo",
      "valid_lft",
      "forever",
      "preferred_lft",
      "forever",
    );
    expect({ code, err }).toEqual({ code: 1, err: "" });
    expect(out).toMatch(/^1 warning\n {2}address-expiring 203\.0\.113\.53\/32: .*\n {6}ip address change .*\n$/);
  });

  it("ends with 2 where something is wrong, and tells scripts in JSON", async () => {
    const { code, out } = await doctor("--prefix", anycast, "203.0.113.54/32", "--json");
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({
      schema_version: 1,
      ok: false,
      findings: [
        {
          id: "address-missing",
          severity: "error",
          subject: "203.0.113.54/32",
          fix: expect.stringContaining("ip address add"),
        },
        { id: "not-listening", subject: "203.0.113.54/32" },
      ],
    });
  });

  it("takes a network for no prefix", async () => {
    const { code, err } = await doctor("--prefix", "203.0.113.0/24");
    expect(code).toBe(64);
    expect(err).toContain('got "203.0.113.0/24"');
  });
});
