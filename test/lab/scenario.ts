// What the scenario tests share: daemons that are watched, and where R1 and its clients find the service.
import { join } from "node:path";
import { expect } from "vitest";
import { Vty } from "../../src/route/vty.js";
import { type DaemonProcess, type DaemonProcessOptions, prefixIn, stands, within } from "../support/daemon.js";
import { anycast, type DaemonOptions, type Lab, type LabEndpoint, quick } from "./lab.js";

export const withdrawn = stands("withdrawn", anycast);
export const announced = stands("announced", anycast);

/** runDaemon starts a daemon; it may find its service sick. */
export function runDaemon(
  endpoint: LabEndpoint,
  { check, ...options }: DaemonOptions = {},
  process: Partial<DaemonProcessOptions> = {},
): DaemonProcess {
  return endpoint.run({ check: { ...quick, ...check }, ...options }, process);
}

/** expectRouted waits until R1's kernel has the prefix via exactly these endpoints. */
export async function expectRouted(lab: Lab, endpoints: readonly LabEndpoint[], withinMs = 20_000): Promise<void> {
  const wanted = endpoints.map(({ gateway }) => gateway).toSorted();
  let seen: string[] = [];
  await within(withinMs, async () => {
    seen = (await lab.network.nextHops(anycast.replace("/32", ""))).toSorted();
    return String(seen) === String(wanted) ? true : undefined;
  });
  expect(seen).toEqual(wanted);
}

/** expectServed asks as a client: all of these endpoints answer, nobody else does, and nothing is lost. */
export async function expectServed(lab: Lab, endpoints: readonly LabEndpoint[]): Promise<void> {
  const answers = await lab.answersFrom(100);
  expect(Object.keys(answers).toSorted()).toEqual(endpoints.map(({ node }) => node.name).toSorted());
}

/** expectOnly is both: the route on R1 is via these endpoints alone, and they answer. */
export async function expectOnly(lab: Lab, endpoints: readonly LabEndpoint[], withinMs?: number): Promise<void> {
  await expectRouted(lab, endpoints, withinMs);
  await expectServed(lab, endpoints);
}

/** manualOf gives who took a prefix away by hand, as the status has it. */
export async function manualOf(daemon: DaemonProcess): Promise<string | undefined> {
  return prefixIn(await daemon.status(), anycast).manual?.by;
}

/** show runs one command at R1's ospfd. */
export async function show(lab: Lab, command: string): Promise<string> {
  const vty = new Vty({ path: join(lab.network.r1.router.sockets, "ospfd.vty"), onDown: () => {}, onUp: () => {} });
  await vty.open();
  try {
    const [reply] = await vty.run([command]);
    return reply!.text;
  } finally {
    vty.close();
  }
}

/** originations gives the sequence number of an endpoint's router LSA at R1: each new LSA raises it. */
export async function originations(lab: Lab, endpoint: LabEndpoint): Promise<string> {
  const text = await show(lab, `show ip ospf database router adv-router 198.18.255.1${endpoint.node.name.slice(1)}`);
  const sequence = /LS Seq Number: ([0-9a-f]+)/.exec(text)?.[1];
  if (sequence === undefined) throw new Error(`no LSA of ${endpoint.node.name} at R1: ${text}`);
  return sequence;
}
