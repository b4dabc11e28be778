// What the keys of a service's route mean to each other and to its prefixes.
import { isAbsolute } from "node:path";
import { familyOf } from "../probe/target.js";
import { isAlias } from "../route/ifupdown.js";
import { addressOf, familyOfPrefix } from "../route/prefix.js";
import type { Issue } from "./config-fault.js";
import type { ServicePieces } from "./config-piece.js";
import type { Findings } from "./config-rule.js";
import { show, writeDuration } from "./config-scalar.js";
import { drivers, type RawRoute } from "./route-schema.js";

type Address = NonNullable<RawRoute["address"]>;
type Ifupdown = NonNullable<RawRoute["ifupdown"]>;
type Drivers = readonly (keyof RawRoute)[];

/** routeIssues holds the rules against the route of one service; `anycast` has the addresses of all services. */
export function routeIssues(service: ServicePieces, anycast: ReadonlySet<string>): Findings {
  const faults: Issue[] = [];
  const warnings: Issue[] = [];
  const all = service.route.flatMap(({ value }) => driversOf(value));
  for (const [index, { path, value }] of service.route.entries()) {
    const [driver, ...more] = driversOf(value);
    const before = service.route.slice(0, index).flatMap((entry) => driversOf(entry.value));
    if (driver === undefined || more.length > 0) {
      const got = driver === undefined ? "neither" : [driver, ...more].join(" and ");
      faults.push({
        path,
        message: `expected one of ${drivers.slice(0, -1).join(", ")} and ${drivers.at(-1)}, got ${got}`,
      });
    } else if (before.includes(driver)) {
      faults.push({ path, message: `expected each driver once, got ${driver} again` });
    } else if (driver === "none" && all.length > 1) {
      faults.push({ path, message: "expected none to stand alone, got it beside another driver" });
    }
    if (value.bird !== undefined) faults.push(...birdIssues(value.bird, [...path, "bird"], service, anycast));
    if (value.exec !== undefined) faults.push(...execIssues(value.exec, [...path, "exec"]));
    if (value.ifupdown !== undefined) {
      const at = [...path, "ifupdown"];
      if (all.includes("address"))
        faults.push({ path, message: "expected one driver for the address, got address and ifupdown" });
      faults.push(
        ...interfaceIssues(value.ifupdown, at),
        ...recoveryIssues(value.ifupdown, at, service, all),
        ...aliasIssues(value.ifupdown, at, service, anycast),
      );
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

/** A set has one family, and a dummy that nobody uses; a protocol has neither. */
function birdIssues(
  bird: NonNullable<RawRoute["bird"]>,
  at: readonly PropertyKey[],
  service: ServicePieces,
  anycast: ReadonlySet<string>,
): Issue[] {
  const used = ([4, 6] as const).filter((family) =>
    service.prefixes.some(({ value }) => familyOfPrefix(value) === family),
  );
  const [one, ...more] = used.filter((family) => bird[`ipv${family}`].protocol !== undefined);
  if (one !== undefined && more.length === 0 && used.length > 1) {
    // Its `configure` after a change of the file enables whatever was disabled.
    const message = "expected a protocol for both families or for none, got one beside a file";
    return [{ path: [...at, `ipv${one}`, "protocol"], message, at: "key" }];
  }
  return ([4, 6] as const).flatMap((family): Issue[] => {
    const path = [...at, `ipv${family}`];
    const { protocol, file, constant, dummy } = bird[`ipv${family}`];
    const set = Object.entries({ file, constant, dummy }).find(([, value]) => value !== undefined);
    if (protocol !== undefined && set !== undefined) {
      return [{ path: [...path, "protocol"], message: `expected protocol or ${set[0]}, got both`, at: "key" }];
    }
    if (dummy === undefined) return [];
    const fault = (message: string): Issue[] => [{ path: [...path, "dummy"], message }];
    if (familyOfPrefix(dummy) !== family) return fault(`expected an IPv${family} prefix, got ${dummy}`);
    return anycast.has(addressOf(dummy))
      ? fault(`expected a prefix that nobody uses, got ${dummy}, which is anycast`)
      : [];
  });
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

/** ifdown of a device sets it down, and lo with it. */
function interfaceIssues({ interface: name }: Ifupdown, at: readonly PropertyKey[]): Issue[] {
  if (isAlias(name)) return [];
  const why = name.includes(":") ? "" : ` (ifdown ${name} would set the device down, with all that is on it)`;
  return [{ path: [...at, "interface"], message: `expected an alias like lo:0, got ${show(name)}${why}` }];
}

function execIssues(exec: NonNullable<RawRoute["exec"]>, at: readonly PropertyKey[]): Issue[] {
  return (["command", "observe"] as const).flatMap((key) => {
    const file = exec[key]?.[0];
    if (file === undefined || isAbsolute(file)) return [];
    return [{ path: [...at, key, 0], message: `expected the absolute path of a program, got ${show(file)}` }];
  });
}

/** The anchor works on IPv4 (ROUTING: on IPv6 most servers cannot restart behind it), so IPv6 alone has no safe default. */
function recoveryIssues(
  address: Address | Ifupdown,
  at: readonly PropertyKey[],
  service: ServicePieces,
  all: Drivers,
): Issue[] {
  const ipv6 = service.prefixes.find(({ value }) => familyOfPrefix(value) === 6);
  const alone = all.every((driver) => driver === "address" || driver === "ifupdown") && service.whole;
  if (ipv6 === undefined || !alone || address.recovery !== undefined) return [];
  const message = `expected recovery to be written out (anchor, alias or manual) because of ${ipv6.value}, got nothing`;
  return [{ path: [...at, "recovery"], message }];
}

function aliasIssues(
  { recovery, alias }: Address | Ifupdown,
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
