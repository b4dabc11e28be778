// BIND as the server: it closes its socket when the address goes, so it cannot recover behind an anchor, and must not be
// left to try in silence. One endpoint for each kind of recovery.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allUp, type DaemonProcess, prefixIn } from "../support/daemon.js";
import { skipWithoutLab } from "../support/lab.js";
import { anycast, Lab, type LabEndpoint } from "./lab.js";
import { announced, expectOnly, expectRouted, runDaemon, withdrawn } from "./scenario.js";
import { serverMissing } from "./servers.js";

const impossible = /^recovery impossible at the anycast address/;

describe.skipIf(skipWithoutLab() || skipWithoutLab(serverMissing("named")))("with BIND as the server", () => {
  let lab: Lab;
  let e1: LabEndpoint;
  let e2: LabEndpoint;
  let e3: LabEndpoint;
  let anchored: DaemonProcess;
  let aliased: DaemonProcess;
  let manual: DaemonProcess;
  const putBack = ({ node }: LabEndpoint) => node.namespace.ip("address", "add", anycast, "dev", "lo", "label", "lo:0");

  beforeAll(async () => {
    lab = await Lab.create({ client: true, server: "named" });
    [e1, e2, e3] = lab.endpoints as [LabEndpoint, LabEndpoint, LabEndpoint];
    anchored = runDaemon(e1, { address: { recovery: "anchor" } });
    aliased = runDaemon(e2, { address: { recovery: "alias", alias: [e2.node.address] } });
    manual = runDaemon(e3, { address: { recovery: "manual" } });
    for (const daemon of [anchored, aliased, manual])
      await daemon.until((status) => allUp(status) && announced(status));
  });
  afterAll(() => lab?.close());

  test.each([
    ["was killed and started again", "SIGKILL"],
    ["hung and went on", "SIGSTOP"],
  ] as const)(
    "the anchor's deadlock is told when BIND %s, and ends when the address is put back",
    async (_, signal) => {
      const told = anchored.lines.filter(({ event }) => event === "deadlock").length;
      e1.server!.signal(signal);
      await anchored.until(withdrawn);
      await expectOnly(lab, [e2, e3], 1000);
      if (signal === "SIGSTOP") e1.server!.signal("SIGCONT");
      else await e1.restartServer();
      await anchored.until((status) => impossible.test(prefixIn(status, anycast).reason ?? ""));
      expect(anchored.lines.filter(({ event }) => event === "deadlock")).toHaveLength(told + 1);
      expect(anchored.lines.find(({ event }) => event === "deadlock")).toMatchObject({
        level: "error",
        msg: impossible,
      });
      await expectRouted(lab, [e2, e3], 0);
      await putBack(e1);
      await anchored.until((status) => allUp(status) && announced(status));
      expect(prefixIn(await anchored.status(), anycast).reason).toBeUndefined();
      await expectOnly(lab, [e1, e2, e3], 1000);
    },
  );

  test.each(["SIGKILL", "SIGSTOP"] as const)(
    "recovers by itself after %s where it is asked at an alias",
    async (signal) => {
      e2.server!.signal(signal);
      await aliased.until(withdrawn);
      await expectOnly(lab, [e1, e3], 1000);
      if (signal === "SIGSTOP") e2.server!.signal("SIGCONT");
      else await e2.restartServer();
      await aliased.until(announced);
      await expectOnly(lab, [e1, e2, e3]);
      const moved = aliased.routeLines().length;
      await sleep(1500);
      expect(allUp(await aliased.status())).toBe(true);
      expect(aliased.routeLines()).toHaveLength(moved);
    },
  );

  test("waits for an operator with manual recovery, and then for the checks", async () => {
    e3.server!.signal("SIGKILL");
    await manual.until(withdrawn);
    await e3.restartServer();
    await sleep(2000);
    const status = await manual.status();
    expect(prefixIn(status, anycast)).toMatchObject({
      observed: "withdrawn",
      checks: [{ last: "unknown: not local" }],
    });
    await expectOnly(lab, [e1, e2], 0);
    await putBack(e3);
    await manual.logged(({ event }) => event === "handed-back");
    await manual.until((status) => allUp(status) && announced(status));
    await expectOnly(lab, [e1, e2, e3]);
    // Put back while it is still dead, it goes again once the checks have found so.
    e3.server!.signal("SIGKILL");
    await manual.until(withdrawn);
    await putBack(e3);
    await manual.until(withdrawn);
    await expectOnly(lab, [e1, e2], 1000);
  });
});
