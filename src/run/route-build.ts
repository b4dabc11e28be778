// One entry of a service's route: from what the schema gives to what the daemon has, and back to what people write.
import type { BirdWay } from "../route/bird.js";
import type { RouteConfig } from "./config.js";
import { given, writeDuration } from "./config-scalar.js";
import type { RawRoute } from "./route-schema.js";

/** Where anycast_healthchecker has them. */
const birdDefaults = {
  ipv4: { file: "/etc/bird.d/anycast-prefixes.conf", constant: "ACAST_PS_ADVERTISE", dummy: "10.189.200.255/32" },
  ipv6: { file: "/etc/bird.d/6/anycast-prefixes.conf", constant: "ACAST6_PS_ADVERTISE", dummy: "2001:db8::1/128" },
} as const;

/** buildRoute makes one entry of a route. */
export function buildRoute({ address, bird, exec, frr, ifupdown }: RawRoute): RouteConfig {
  if (frr) return { driver: "frr", sockets: frr.sockets };
  if (bird) return { driver: "bird", socket: bird.socket, ipv4: buildWay(bird, "ipv4"), ipv6: buildWay(bird, "ipv6") };
  if (exec) {
    const { command, observe, timeout, deprefer } = exec;
    return { driver: "exec", command, observe, timeoutMs: timeout, deprefer };
  }
  if (ifupdown) {
    const { interface: name, recovery = "anchor", alias, timeout } = ifupdown;
    return { driver: "ifupdown", interface: name, recovery, alias, timeoutMs: timeout };
  }
  if (!address) return { driver: "none" };
  return {
    driver: "address",
    device: address.device,
    label: address.label,
    recovery: address.recovery ?? "anchor",
    alias: address.alias,
    leaseMs: address.lease,
  };
}

function buildWay(bird: NonNullable<RawRoute["bird"]>, family: "ipv4" | "ipv6"): BirdWay {
  const usual = birdDefaults[family];
  const { protocol, file = usual.file, constant = usual.constant, dummy = usual.dummy } = bird[family];
  return protocol === undefined ? { file, constant, dummy } : { protocol };
}

/** writeRoute gives an entry as it is written in the config file. */
export function writeRoute(route: RouteConfig) {
  if (route.driver === "none") return { none: {} };
  if (route.driver === "frr") return { frr: { sockets: route.sockets } };
  if (route.driver === "bird") return { bird: { socket: route.socket, ipv4: route.ipv4, ipv6: route.ipv6 } };
  if (route.driver === "exec") {
    const { command, observe, timeoutMs, deprefer } = route;
    return { exec: given({ command, observe, timeout: writeDuration(timeoutMs), deprefer }) };
  }
  if (route.driver === "ifupdown") {
    const { interface: name, recovery, alias, timeoutMs } = route;
    return { ifupdown: { interface: name, recovery, alias, timeout: writeDuration(timeoutMs) } };
  }
  const { device, label, recovery, alias } = route;
  return { address: given({ device, label, recovery, alias, lease: writeDuration(route.leaseMs) }) };
}

/** addressEntry gives the entry of a route that takes the address itself away, if there is one. */
export function addressEntry(
  route: readonly RouteConfig[],
): Extract<RouteConfig, { driver: "address" | "ifupdown" }> | undefined {
  return route.find((entry) => entry.driver === "address" || entry.driver === "ifupdown");
}
