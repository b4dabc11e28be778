// Whose answer was it? With its own address gone, an endpoint can reach the others' through the network, and must never take
// their answers for its own.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allUp, type DaemonProcess, prefixIn } from "../support/daemon.js";
import { skipWithoutLab } from "../support/lab.js";
import { anycast, Lab, type LabEndpoint } from "./lab.js";
import { expectRouted, runDaemon } from "./scenario.js";
import { healthAddress, serverMissing } from "./servers.js";

const anycast6 = "2001:db8::53/128";
const withoutNetAdmin = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--"];

describe.skipIf(skipWithoutLab() || skipWithoutLab(serverMissing("unbound")))("an endpoint without its address", () => {
  let lab: Lab;
  let e1: LabEndpoint;
  let e2: LabEndpoint;

  /** IPv6 is routed by hand: R1 and all endpoints know the way to e3's anycast address. */
  async function routeIPv6(): Promise<void> {
    const { r1 } = lab.network;
    await r1.namespace.exec("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1");
    for (const [i, { node }] of lab.endpoints.entries()) {
      await r1.namespace.ip("address", "add", `fd00:${i + 1}::1/64`, "dev", node.name, "nodad");
      await node.namespace.ip("address", "add", `fd00:${i + 1}::2/64`, "dev", "up0", "nodad");
      await node.namespace.ip("route", "add", "default", "via", `fd00:${i + 1}::1`);
    }
    await r1.namespace.ip("route", "add", anycast6, "via", "fd00:3::2");
  }

  /** Asks from inside, as any program would, and gives the address that ends the answer. */
  async function asks(endpoint: LabEndpoint, address: string): Promise<string> {
    const { namespace } = endpoint.node;
    const script = `
      const socket = require("node:dgram").createSocket("udp${address.includes(":") ? 6 : 4}");
      const query = "00010100000100000000000006686561" + "6c7468076578616d706c6503636f6d0000010001";
      socket.on("message", (answer) => { console.log([...answer.subarray(-4)].join(".")); process.exit(0); });
      socket.send(Buffer.from(query, "hex"), 53, "${address}");
      setTimeout(() => { console.log("nobody"); process.exit(0); }, 1000);`;
    return (await namespace.exec(process.execPath, "-e", script)).trim();
  }

  beforeAll(async () => {
    lab = await Lab.create({ prefixes: [anycast, anycast6] });
    [e1, e2] = lab.endpoints as [LabEndpoint, LabEndpoint, LabEndpoint];
    await routeIPv6();
  });
  afterAll(() => lab?.close());

  /** The daemon of an endpoint, both of whose addresses go once all is well: nothing that it hears then may pass. */
  async function lose(endpoint: LabEndpoint, daemon: DaemonProcess): Promise<void> {
    const before = await daemon.until(allUp);
    const passes = [anycast, anycast6].map((prefix) => prefixIn(before, prefix).checks[0]!.verdicts.pass);
    for (const prefix of [anycast, anycast6]) await endpoint.node.namespace.ip("address", "del", prefix, "dev", "lo");
    await sleep(300);
    // The trap is set: what asks like anybody is answered from elsewhere.
    await expectRouted(
      lab,
      lab.endpoints.filter((one) => one !== endpoint),
    );
    for (const prefix of [anycast, anycast6]) expect(await asks(endpoint, prefix.split("/")[0]!)).toBe(healthAddress);
    await sleep(2500);
    const after = await daemon.status();
    for (const [i, prefix] of [anycast, anycast6].entries()) {
      const [check] = prefixIn(after, prefix).checks;
      expect(check).toMatchObject({ state: "unknown", last: "unknown: not local" });
      expect(check!.verdicts.unknown).toBeGreaterThan(5);
      // Probes that were judged between the first status and the deletion.
      expect(check!.verdicts.pass - passes[i]!).toBeLessThan(5);
      expect(check!.verdicts.fail).toBe(0);
      expect(prefixIn(after, prefix)).toMatchObject({ observed: "withdrawn", want: "hold" });
    }
    const passed = (status: typeof after) =>
      [anycast, anycast6].map((p) => prefixIn(status, p).checks[0]!.verdicts.pass);
    await sleep(1000);
    expect(passed(await daemon.status())).toEqual(passed(after));
    for (const prefix of [anycast, anycast6]) {
      const label = prefix === anycast ? ["label", "lo:0"] : ["nodad"];
      await endpoint.node.namespace.ip("address", "add", prefix, "dev", "lo", ...label);
    }
    await daemon.until(allUp);
    await daemon.stop();
  }

  // Without `expect.nsid`: that guard would hide whether the others do.
  const check = { expect: { answers: [healthAddress] } };
  const manual = { check, address: { recovery: "manual" } };

  test("believes nobody, by the mark rule and the local routes", async () => {
    await lose(e1, runDaemon(e1, manual));
  });

  test("believes nobody by the local routes alone, where it may not mark", async () => {
    const daemon = runDaemon(e2, manual, { wrapper: withoutNetAdmin });
    await daemon.until((status) => !status.markRule.on);
    await lose(e2, daemon);
  });
});
