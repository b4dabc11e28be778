// What the daemon is configured to do: the frozen value that reading a file or flags gives. Durations are in ms here,
// as `250ms` in YAML; keys are snake_case there, camelCase here. config-file.ts reads it, config-schema.ts validates it.
import type { Expectation } from "../probe/expectation.js";
import type { DnsQuery, UdpQuery } from "../probe/query.js";
import type { Prefix } from "../route/prefix.js";

export interface Config {
  /** The address that probes are sent from, per family; auto picks one that is global, not on lo and not anycast. */
  readonly source: { readonly ipv4: string | "auto"; readonly ipv6: string | "auto" };
  /** The control socket's path. */
  readonly control: string;
  /** The state file's path. */
  readonly state: string;
  readonly logLevel: "trace" | "debug" | "info" | "warn" | "error";
  /** React to socket-destroy and address events at once; without, only scheduled probes find a death. */
  readonly hints: boolean;
  /** No two changes of one router within this, unless they leave together (ROUTING: 1.1 s on default OSPF timers, 0 on tuned). */
  readonly minGapMs: number;
  readonly services: readonly ServiceConfig[];
}

export interface ServiceConfig {
  readonly name: string;
  readonly prefixes: readonly Prefix[];
  readonly checks: readonly CheckConfig[];
  readonly require: Require;
  /** In order for withdrawing; back in reverse. */
  readonly route: readonly RouteConfig[];
  readonly onExit: "keep" | "withdraw";
  readonly whenUnknown: "hold" | "withdraw";
  /** Leave a prefix alone that an operator took away by hand. */
  readonly respectManual: boolean;
}

/** How many gate checks must be up for a prefix to be announced. */
export type Require = "all" | "any" | { readonly atLeast: number };

export interface CheckConfig {
  /** Unique within its service: given, or made of the query, as `dns health.example.com/A`. */
  readonly name: string;
  readonly port: number;
  readonly query: DnsQuery | UdpQuery;
  readonly expect: Expectation;
  /** gate checks decide; alert checks only report. */
  readonly role: "gate" | "alert";
  readonly intervalMs: number;
  readonly fastIntervalMs: number;
  readonly timeoutMs: number;
  readonly rise: number;
  readonly fall: number;
  readonly stableForMs: number;
  /** The burst that a hint starts, and how long its failing must span before the check is down. */
  readonly confirm: { readonly probes: number; readonly intervalMs: number; readonly forMs: number };
}

export type RouteConfig =
  | {
      readonly driver: "address";
      readonly device: string;
      /** IPv4 only; undefined: the device's name. */
      readonly label: string | undefined;
      /** Where recovery is probed while the address is withdrawn. */
      readonly recovery: "anchor" | "alias" | "manual";
      /** With `recovery: alias`: unicast addresses of this host that the server listens on too, one per family. */
      readonly alias: readonly string[];
      /** 0: none. Otherwise the kernel removes the address this long after the last refresh. */
      readonly leaseMs: number;
    }
  | {
      readonly driver: "frr";
      /** The directory of the vty sockets: `/run/frr`, Quagga `/run/quagga`. */
      readonly sockets: string;
    }
  | { readonly driver: "none" };
