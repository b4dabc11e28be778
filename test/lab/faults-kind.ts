// What is under test: a driver with what it moves prefixes by.
import type { Network } from "../../src/demo/network.js";
import type { Prefix } from "../../src/route/prefix.js";
import type { Scenario } from "./faults-scenario.js";

/** FaultKind is one driver on one kind of endpoint. */
export interface FaultKind {
  /** Words that make the figures' names: `frr network`. */
  readonly name: string;
  /** How the endpoints' FRR announces. */
  readonly announce: "network" | "redistribute";
  /** Makes the endpoint ready; `directory` is for files of its own. */
  ready(network: Network, directory: string): Promise<Ready>;
}

export interface Ready {
  /** One entry of the route of a prefix's service, as the config file has it. */
  route(prefix: Prefix): Readonly<Record<string, unknown>>;
  readonly scenarios: readonly Scenario[];
  /** Runs the daemon by this command. */
  readonly wrapper?: readonly string[];
  /** All that the driver could leave behind. */
  trace(): Promise<string>;
  close?(): Promise<void>;
}
