// Hosts that end with the test that made them.
import { onTestFinished } from "vitest";
import { allUp } from "./daemon.js";
import { Host, type HostConfig } from "./host.js";

/** makeHost makes a host for the test that runs now. */
export async function makeHost(prefixes?: readonly string[]): Promise<Host> {
  const host = await Host.create(prefixes);
  onTestFinished(() => host[Symbol.asyncDispose]());
  return host;
}

/** makeWell makes a host whose service is well and whose daemon has found so. */
export async function makeWell(config?: HostConfig, options?: Parameters<Host["run"]>[1]) {
  const host = await makeHost();
  const server = await host.answer();
  const daemon = host.run(host.config(config), options);
  await daemon.until(allUp);
  return { host, server, daemon };
}
