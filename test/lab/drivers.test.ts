// The drivers that are not FRR's own, under the daemon on real routers: the server dies, R1 routes by the other endpoint alone; the
// server is back, and so is the route; the prefix beside it never moved.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { monotonicNs } from "../../src/units.js";
import { birdMissing } from "../support/bird.js";
import { skipWithoutLab } from "../support/lab.js";
import { includeConfig, includedFile, sets, startBird } from "./drivers-bird.js";
import { ifupdownMissing, prepareIfupdown, setAt } from "./drivers-kind.js";
import { anycast, type DaemonOptions, Lab, type LabEndpoint } from "./lab.js";
import { announced, expectRouted, runDaemon, withdrawn } from "./scenario.js";
import { serverMissing } from "./servers.js";

const beside = "203.0.113.54/32";
const prefixes = { ipv4: [anycast, beside], ipv6: [] };
const missing = serverMissing("unbound") ?? birdMissing() ?? ifupdownMissing();

describe.skipIf(skipWithoutLab() || skipWithoutLab(missing))("a server that dies and comes back", () => {
  let lab: Lab;
  let endpoint: LabEndpoint;
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "anyprobe-drivers-"));
    lab = await Lab.create({ endpoints: 2, announce: "redistribute", prefixes: prefixes.ipv4 });
    endpoint = lab.endpoints[0]!;
  });
  afterAll(async () => {
    await lab?.close();
    await rm(directory, { recursive: true, force: true });
  });

  async function liveAndDie(route: object, wrapper?: readonly string[]): Promise<void> {
    const options: DaemonOptions = { service: { prefixes: [anycast], route: [route] } };
    const daemon = runDaemon(endpoint, options, wrapper && { wrapper });
    await daemon.until(announced);
    await expectRouted(lab, lab.endpoints);
    const events = lab.monitor.events.length;
    const killedNs = monotonicNs();
    endpoint.server!.signal("SIGKILL");
    await lab.goneFromR1(endpoint, killedNs);
    await daemon.until(withdrawn);
    const { answeredNs } = await endpoint.restartServer();
    await lab.backAtR1(endpoint, answeredNs);
    await daemon.until(announced);
    await expectRouted(lab, lab.endpoints);
    expect(lab.monitor.events.slice(events).filter(({ destination }) => `${destination}/32` === beside)).toEqual([]);
    expect(await daemon.stop()).toBe(0);
  }

  test("ifupdown takes its alias down and up", async () => {
    const wrapper = await prepareIfupdown({ directory, prefixes });
    await liveAndDie({ ifupdown: { interface: "lo:0" } }, wrapper);
  });

  test("BIRD lets the prefix out by the set that it includes", async () => {
    await using bird = await startBird(
      lab.network,
      (_, at) => ({
        "bird.conf": includeConfig(at),
        [sets.ipv4.file]: includedFile("ipv4", prefixes.ipv4),
        [sets.ipv6.file]: includedFile("ipv6", []),
      }),
      prefixes,
    );
    await liveAndDie({ bird: { socket: bird.socket, ipv4: setAt(bird, "ipv4") } });
  });
});
