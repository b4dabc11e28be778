// What the keys of the config mean to each other, for the whole file and for one service. Faults stop the daemon;
// warnings are said once and lived with.
import { addressOf } from "../route/prefix.js";
import { isLoopback, parsePlace } from "../serve/listen.js";
import { checkIssues, checkName } from "./check-rule.js";
import type { Issue } from "./config-fault.js";
import { type Pieces, piecesOf, type ServicePieces } from "./config-piece.js";
import { show } from "./config-scalar.js";
import { buildGuard } from "./policy-build.js";
import { policyIssues } from "./policy-rule.js";
import { buildRoute } from "./route-build.js";
import { routeIssues } from "./route-rule.js";

export interface Findings {
  readonly faults: readonly Issue[];
  readonly warnings: readonly Issue[];
}

/** examine holds every rule against a config as it was read, well-formed or not. */
export function examine(raw: unknown): Findings {
  const pieces = piecesOf(raw);
  const anycast = new Set(pieces.services.flatMap((service) => service.prefixes.map(({ value }) => addressOf(value))));
  const found = pieces.services.flatMap((service) => [routeIssues(service, anycast), policyIssues(service)]);
  const faults = [
    ...noServices(raw),
    ...sourceIssues(pieces, anycast),
    ...listenIssues(raw),
    ...sharedIssues(pieces.services),
    ...pieces.services.flatMap(serviceIssues),
    ...found.flatMap(({ faults }) => faults),
  ];
  return { faults, warnings: found.flatMap(({ warnings }) => warnings) };
}

function noServices(raw: unknown): Issue[] {
  const services = (raw as { services?: unknown }).services;
  const empty = typeof services === "object" && services !== null && Object.keys(services).length === 0;
  return empty ? [{ path: ["services"], message: "expected at least one service, got an empty mapping" }] : [];
}

function sourceIssues({ source }: Pieces, anycast: ReadonlySet<string>): Issue[] {
  const given = [source?.ipv4, source?.ipv6].filter((address) => address !== undefined && anycast.has(address));
  return given.map((address) => ({
    path: ["source"],
    message: `expected an address of this host alone, got ${show(address)}, which is one of the anycast addresses`,
  }));
}

function listenIssues(raw: unknown): Issue[] {
  const { listen, token_file } = raw as { readonly listen?: unknown; readonly token_file?: unknown };
  const place = typeof listen === "string" ? parsePlace(listen) : undefined;
  if (place === undefined || token_file !== undefined || isLoopback(place.address)) return [];
  const message = `expected a loopback address, as there is no token_file, got ${show(listen)}`;
  return [{ path: ["listen"], message }];
}

const sharedKeys = ["route", "guard", "damping", "initial"] as const;

/** A prefix has one state in the router, so all services that share it must move it the same way. */
function sharedIssues(services: readonly ServicePieces[]): Issue[] {
  const issues: Issue[] = [];
  for (const [index, service] of services.entries()) {
    for (const { value: prefix } of service.prefixes) {
      const first = services.slice(0, index).find((other) => other.prefixes.some(({ value }) => value === prefix));
      if (!first?.whole || !service.whole) continue;
      for (const key of sharedKeys) {
        const [theirs, ours] = [sharedText(first, key), sharedText(service, key)];
        if (theirs === undefined || ours === undefined || theirs === ours) continue;
        const message = `expected the same ${key} as service ${first.name}, which shares ${prefix}, got another`;
        issues.push({ path: [...service.path, key], message });
      }
    }
  }
  return issues;
}

/** How a service treats its prefixes, as text; undefined where that is malformed, which is a fault of its own. */
function sharedText({ route, policy }: ServicePieces, key: (typeof sharedKeys)[number]) {
  const drivers = route.map(({ value }) => value);
  if (key === "route") return JSON.stringify(drivers.map(buildRoute));
  if (!policy) return undefined;
  if (key === "guard") return JSON.stringify({ ...buildGuard(policy.guard, drivers), written: undefined });
  return key === "damping" ? JSON.stringify(policy.damping) : policy.initial;
}

function serviceIssues(service: ServicePieces): Issue[] {
  const { name, path, prefixes, checks, require } = service;
  const issues: Issue[] = checks.flatMap(checkIssues);
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(name)) {
    const message = `expected a name of at most 63 letters, digits, - and _, got ${show(name)}`;
    issues.push({ path, message, at: "key" });
  }
  for (const [index, prefix] of prefixes.entries()) {
    if (prefixes.findIndex(({ value }) => value === prefix.value) === index) continue;
    issues.push({ path: prefix.path, message: `expected each prefix once, got ${prefix.value} again` });
  }
  const names = checks.map(({ value }) => checkName(value));
  for (const [index, check] of checks.entries()) {
    if (names.indexOf(names[index]!) === index) continue;
    const hint = check.value.name === undefined ? " (give it a name)" : "";
    const at = check.value.name === undefined ? check.path : [...check.path, "name"];
    issues.push({ path: at, message: `expected check names that differ, got ${show(names[index])} again${hint}` });
  }
  if (!service.whole) return issues;
  const gates = checks.filter(({ value }) => value.role === "gate").length;
  if (gates === 0) {
    const message = "expected at least one check with role gate, got none (nothing would decide)";
    issues.push({ path: [...path, "checks"], message });
  } else if (typeof require === "object" && "atLeast" in require && require.atLeast > gates) {
    const message = `expected at most the number of gate checks (${gates}), got ${require.atLeast}`;
    issues.push({ path: [...path, "require", "at_least"], message });
  }
  return issues;
}
