// What the keys of a service's route mean to each other and to its prefixes.
import { familyOf } from "../probe/target.js";
import { familyOfPrefix } from "../route/prefix.js";
import type { Issue } from "./config-fault.js";
import type { ServicePieces } from "./config-piece.js";
import type { Findings } from "./config-rule.js";
import { show, writeDuration } from "./config-scalar.js";
import type { RawRoute } from "./route-schema.js";

type Address = NonNullable<RawRoute["address"]>;
type Drivers = readonly (keyof RawRoute)[];

/** routeIssues holds the rules against the route of one service; `anycast` has the addresses of all services. */
export function routeIssues(service: ServicePieces, anycast: ReadonlySet<string>): Findings {
  const faults: Issue[] = [];
  const warnings: Issue[] = [];
  const all = service.route.flatMap(({ value }) => driversOf(value));
  if (all.includes("frr")) faults.push(...ospfIssues(service));
  for (const [index, { path, value }] of service.route.entries()) {
    const [driver, ...more] = driversOf(value);
    const before = service.route.slice(0, index).flatMap((entry) => driversOf(entry.value));
    if (driver === undefined || more.length > 0) {
      const got = driver === undefined ? "neither" : [driver, ...more].join(" and ");
      faults.push({ path, message: `expected one of frr, address and none, got ${got}` });
    } else if (before.includes(driver)) {
      faults.push({ path, message: `expected each driver once, got ${driver} again` });
    } else if (driver === "none" && all.length > 1) {
      faults.push({ path, message: "expected none to stand alone, got it beside another driver" });
    }
    if (value.address === undefined) continue;
    const at = [...path, "address"];
    faults.push(
      ...labelIssues(value.address, at),
      ...recoveryIssues(value.address, at, service, all),
      ...aliasIssues(value.address, at, service, anycast),
      ...leaseIssues(value.address, at, service),
    );
    if (value.address.lease >= 1000 && value.address.lease < 10_000)
      warnings.push({
        path: [...at, "lease"],
        message: `a lease below 10s takes the route down when this host is busy, got ${writeDuration(value.address.lease)}`,
      });
  }
  return { faults, warnings };
}

/** ospfd is OSPFv2: it announces IPv4 only. */
function ospfIssues({ prefixes }: ServicePieces): Issue[] {
  const ipv6 = prefixes.filter(({ value }) => familyOfPrefix(value) === 6);
  return ipv6.map(({ path, value }) => ({
    path,
    message: `expected IPv4 prefixes only under the frr driver, got ${value} (give it a service of its own, under the address driver)`,
  }));
}

function driversOf(route: RawRoute): Drivers {
  return (Object.keys(route) as (keyof RawRoute)[]).filter((key) => route[key] !== undefined);
}

/** The kernel keeps labels in 15 octets, and tools find an address's device by its label's beginning. */
function labelIssues({ device, label }: Address, at: readonly PropertyKey[]): Issue[] {
  const issues: Issue[] = [];
  if (/[\s/]/.test(device))
    issues.push({ path: [...at, "device"], message: `expected a device name like lo, got ${show(device)}` });
  if (label !== undefined && !label.startsWith(device))
    issues.push({ path: [...at, "label"], message: `expected a label that begins with ${device}, got ${show(label)}` });
  return issues;
}

/** The anchor works on IPv4 (ROUTING: on IPv6 most servers cannot restart behind it), so IPv6 alone has no safe default. */
function recoveryIssues(address: Address, at: readonly PropertyKey[], service: ServicePieces, all: Drivers): Issue[] {
  const ipv6 = service.prefixes.find(({ value }) => familyOfPrefix(value) === 6);
  const alone = all.every((driver) => driver === "address") && service.whole;
  if (ipv6 === undefined || !alone || address.recovery !== undefined) return [];
  const message = `expected recovery to be written out (anchor, alias or manual) because of ${ipv6.value}, got nothing`;
  return [{ path: [...at, "recovery"], message }];
}

function aliasIssues(
  { recovery, alias }: Address,
  at: readonly PropertyKey[],
  service: ServicePieces,
  anycast: ReadonlySet<string>,
): Issue[] {
  const path = [...at, "alias"];
  if (recovery !== "alias") {
    const message = "expected only with recovery: alias, got it without";
    return alias.length > 0 ? [{ path, message, at: "key" }] : [];
  }
  const issues: Issue[] = [];
  const wanted = new Set(service.prefixes.map(({ value }) => familyOfPrefix(value)));
  const given = new Set<number>();
  for (const [index, address] of alias.entries()) {
    const family = familyOf(address);
    const fault = (message: string) => issues.push({ path: [...path, index], message });
    if (anycast.has(address)) fault(`expected a unicast address of this host, got ${address}, which is anycast`);
    else if (!wanted.has(family) && service.whole)
      fault(`expected the family of a prefix, got ${address} (IPv${family})`);
    else if (given.has(family)) fault(`expected one alias per family, got ${address} as well`);
    given.add(family);
  }
  for (const family of wanted)
    if (!given.has(family))
      issues.push({ path, message: `expected an IPv${family} address that the server listens on too, got none` });
  return issues;
}

/** A lease must outlive one whole round of judging, because only a judged round refreshes it. */
function leaseIssues({ lease }: Address, at: readonly PropertyKey[], service: ServicePieces): Issue[] {
  if (lease === 0) return [];
  const fault = (what: string) => [
    { path: [...at, "lease"], message: `expected ${what}, got ${writeDuration(lease)}` },
  ];
  if (lease < 1000 || lease % 1000 !== 0) return fault("0s or whole seconds from 1s");
  const gates = service.checks.filter(({ value }) => value.role === "gate");
  const round = Math.max(0, ...gates.map(({ value }) => value.interval + value.timeout));
  return lease > round ? [] : fault(`more than interval and timeout of each gate check (${writeDuration(round)})`);
}
