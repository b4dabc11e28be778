// A short `npm run lab -- watch`; and a look at the same paths without any capability.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { skipWithoutLab } from "../support/lab.js";
import { Lab } from "./lab.js";
import { lookOnce } from "./path-watcher.js";
import { serverMissing } from "./servers.js";
import { address, breakPath, measureWatch, mendPath } from "./watch.js";

describe.skipIf(skipWithoutLab() || skipWithoutLab(serverMissing("unbound")))("the paths to three endpoints", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.create({ client: true });
  }, 60_000);
  afterAll(async () => lab?.close());

  test("are told with their sites; holes are found within two sweeps, and shifts make one event", async () => {
    const { failures } = await measureWatch(lab, { paths: 64, sweepMs: 400, quietSweeps: 2 }, () => {});
    expect(failures).toEqual([]);
  }, 90_000);

  test("are looked at by sockets without CAP_NET_RAW, which says so", async () => {
    const options = ["--paths", "32", "--sweep", "400ms", "-t", "400ms"];
    const [[code, out], [refused]] = await Promise.all([
      lookOnce(lab, address, options),
      // Named ports are nothing that sockets could keep to.
      lookOnce(lab, address, [...options, "--first-port", "42000"]),
    ]);
    expect(refused).toBe(77);
    expect(code).toBe(0);
    expect(out).toMatch(/^by sockets, as raw packets need CAP_NET_RAW/);
    expect(out).toMatch(/32 paths, \d sweeps?: 32 answered$/m);
    expect([...out.matchAll(/^ {2}(e\d) {2}\d+ paths?, /gm)].map(([, site]) => site).sort()).toEqual([
      "e1",
      "e2",
      "e3",
    ]);
    await breakPath(lab, "e2");
    try {
      const [broken, said] = await lookOnce(lab, address, options);
      expect(broken).toBe(1);
      expect(said).toMatch(/^ {2}\d+ of 32 paths black-holed: nobody answers there, while others are answered:$/m);
      expect(said).toMatch(/^ {4}udp 198\.18\.0\.2:\d+ > 203\.0\.113\.53:53 {2}\d+ of \d+ lost$/m);
      expect([...said.matchAll(/^ {2}(e\d) {2}/gm)].map(([, site]) => site).sort()).toEqual(["e1", "e3"]);
    } finally {
      await mendPath(lab);
    }
  }, 60_000);
});
