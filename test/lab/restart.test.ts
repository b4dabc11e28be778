// A short `npm run lab -- restart`, by kill -9 alone; and a restart beside a router that does not answer.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DaemonProcess, prefixIn, stands } from "../support/daemon.js";
import { skipWithoutLab } from "../support/lab.js";
import { anycast, Lab, type LabEndpoint } from "./lab.js";
import { measureRestart } from "./restart.js";
import { runDaemon } from "./scenario.js";
import { serverMissing } from "./servers.js";

describe.skipIf(skipWithoutLab() || skipWithoutLab(serverMissing("unbound")))("a restart of the daemon", () => {
  const states = ["falling", "degraded", "down", "draining", "manual"];

  test("originates no LSA, in whatever state", async () => {
    const terms = { announces: ["network"], drivers: ["address", "frr"], states, ends: ["kill"] } as const;
    const { failures, figures } = await measureRestart(terms, () => {});
    expect(failures).toEqual([]);
    // There is no cost to raise under the address driver, and so nothing is ever draining.
    expect(figures.restarts).toBe(2 * states.length - 1);
  }, 120_000);

  describe("while its router hangs", () => {
    let lab: Lab;
    let endpoint: LabEndpoint;
    let daemon: DaemonProcess;

    beforeAll(async () => {
      lab = await Lab.create({ endpoints: 2 });
      endpoint = lab.endpoints[0]!;
    });
    afterAll(() => lab?.close());

    test("does not bring a dead service back, to wait for the guard at the cost of the dead", async () => {
      const start = () => runDaemon(endpoint, { driver: "frr", others: 1 });
      const withdrawn = stands("withdrawn", anycast);
      daemon = start();
      await daemon.until((status) => prefixIn(status, anycast).checks[0]!.state === "up");
      endpoint.server!.signal("SIGKILL");
      await daemon.until(withdrawn);
      await daemon.stop();
      await endpoint.node.router.signalOspfd("SIGSTOP");
      daemon = start();
      // The guard cannot see, and nobody knows that it is withdrawn already.
      const status = await daemon.until((one) => prefixIn(one, anycast).guard?.held === true, 20_000);
      expect(prefixIn(status, anycast)).toMatchObject({ wanted: "hold", observed: "unknown" });
      await endpoint.node.router.signalOspfd("SIGCONT");
      await daemon.until((one) => withdrawn(one) && prefixIn(one, anycast).wanted === "withdrawn", 20_000);
      expect(daemon.routeLines()).toEqual([]);
    }, 60_000);
  });
});
