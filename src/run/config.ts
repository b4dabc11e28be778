// What the daemon is configured to do: the frozen value that reading a file or flags gives. Durations are in ms here,
// as `250ms` in YAML; keys are snake_case there, camelCase here. config-file.ts reads it, config-schema.ts validates it.
import type { ObjectiveRules } from "../health/objective.js";
import type { Expectation } from "../probe/expectation.js";
import type { Command, DnsQuery, UdpQuery } from "../probe/query.js";
import type { BirdWay } from "../route/bird.js";
import type { Prefix } from "../route/prefix.js";
import type { Place } from "../serve/listen.js";

export interface Config {
  /** The address that probes are sent from, per family; auto picks one that is global, not on lo and not anycast. */
  readonly source: { readonly ipv4: string | "auto"; readonly ipv6: string | "auto" };
  /** The control socket's path. */
  readonly control: string;
  /** The state file's path. */
  readonly state: string;
  /** Where HTTP listens; undefined: nowhere. */
  readonly listen: Place | undefined;
  /** The file with the token that HTTP asks for; undefined: it asks for none. */
  readonly tokenFile: string | undefined;
  /** The file that is written for node_exporter; undefined: none. */
  readonly textfile: string | undefined;
  readonly logLevel: "trace" | "debug" | "info" | "warn" | "error";
  /** React to socket-destroy and address events at once; without, only scheduled probes find a death. */
  readonly hints: boolean;
  /** No two changes of one router within this, unless they leave together (ROUTING: 1.1 s on default OSPF timers, 0 on tuned). */
  readonly minGapMs: number;
  /** The least time between two announcements on one router; no withdrawal and no depreferring waits for it. */
  readonly announceGapMs: number;
  readonly services: readonly ServiceConfig[];
}

export interface ServiceConfig {
  readonly name: string;
  readonly prefixes: readonly Prefix[];
  readonly checks: readonly CheckConfig[];
  readonly require: Require;
  /** In order for withdrawing; back in reverse. */
  readonly route: readonly RouteConfig[];
  /** Undefined: none. */
  readonly objective: ObjectiveConfig | undefined;
  /** Undefined: none. Services that share a prefix have the same. */
  readonly damping: DampingConfig | undefined;
  /** Undefined: none, or nothing that could be guarded. Services that share a prefix have the same, but for `written`. */
  readonly guard: GuardConfig | undefined;
  /** At start: adopt what is observed, or start withdrawn and let the checks prove it. */
  readonly initial: "adopt" | "prove";
  /** A drain waits for the traffic to go no longer than this. */
  readonly drainMs: number;
  readonly onExit: "keep" | "withdraw";
  readonly whenUnknown: "hold" | "withdraw";
  /** Leave a prefix alone that an operator took away by hand. */
  readonly respectManual: boolean;
}

/** ObjectiveConfig is an objective with what becomes of the prefixes while it is breached. */
export interface ObjectiveConfig extends ObjectiveRules {
  readonly onBreach: "deprefer" | "withdraw";
}

export interface DampingConfig {
  /** The first wait before a prefix that went is announced again; each one after it is twice as long, up to `maxMs`. */
  readonly holdDownMs: number;
  readonly maxMs: number;
  /** After so long a calm the next wait is the first again. */
  readonly forgetMs: number;
}

/** GuardConfig is the last-endpoint guard; it covers the IPv4 prefixes of its service. */
export interface GuardConfig {
  /** So many other routers must remain. */
  readonly others: number;
  /** The operator wrote it down: then a database that cannot be read at start is no fault of the config. */
  readonly written: boolean;
  /** Whose link-state database is read, and through which directory of vty sockets or control socket. */
  readonly router:
    | { readonly kind: "frr"; readonly sockets: string }
    | { readonly kind: "bird"; readonly socket: string };
}

/** How many gate checks must be up for a prefix to be announced. */
export type Require =
  | "all"
  | "any"
  | { readonly atLeast: number }
  /** Of all gate checks, rounded up. */
  | { readonly percent: number };

export interface CheckConfig {
  /** Unique within its service: given, or made of the query, as `dns health.example.com/A`. */
  readonly name: string;
  /** The port that is asked; undefined where a program asks. */
  readonly port: number | undefined;
  readonly query: DnsQuestion | UdpQuery | Command;
  readonly expect: Expectation;
  /** gate checks decide; while an objective check is down the service is degraded; alert checks only report. */
  readonly role: "gate" | "objective" | "alert";
  readonly intervalMs: number;
  readonly fastIntervalMs: number;
  readonly timeoutMs: number;
  readonly rise: number;
  readonly fall: number;
  readonly stableForMs: number;
  /** The burst that a hint starts, and how long its failing must span before the check is down. */
  readonly confirm: { readonly probes: number; readonly intervalMs: number; readonly forMs: number };
}

/** DnsQuestion is a DNS query and how it is put. */
export interface DnsQuestion extends DnsQuery {
  /** Default udp. */
  readonly transport?: "udp" | "tcp";
  /** Ask for a label of random letters under the name, another one each time, which no cache can know. */
  readonly randomLabel?: boolean;
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
  | {
      readonly driver: "bird";
      /** The control socket: `/run/bird/bird.ctl`. */
      readonly socket: string;
      readonly ipv4: BirdWay;
      readonly ipv6: BirdWay;
    }
  | {
      readonly driver: "ifupdown";
      /** The alias that has the addresses: `lo:0`. */
      readonly interface: string;
      /** As of the address driver. */
      readonly recovery: "anchor" | "alias" | "manual";
      readonly alias: readonly string[];
      readonly timeoutMs: number;
    }
  | {
      readonly driver: "exec";
      readonly command: readonly string[];
      readonly observe: readonly string[] | undefined;
      readonly timeoutMs: number;
      /** It can announce at the cost of a rung. */
      readonly deprefer: boolean;
    }
  | { readonly driver: "none" };
