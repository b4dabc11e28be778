import { expect, test } from "vitest";
import { FrrDriver } from "../../src/route/frr.js";
import { Frr6Driver } from "../../src/route/frr6.js";
import { prefixOf } from "../../src/route/prefix.js";
import { readConfigText } from "../../src/run/config-file.js";
import { buildRouting } from "../../src/run/routing.js";
import { Sights } from "../../src/run/sights.js";
import { monotonicNs } from "../../src/units.js";

const [four, six] = [prefixOf("203.0.113.53"), prefixOf("2001:db8::53")];

const config = (guard = "") =>
  readConfigText(
    `services:
  both: { prefixes: ["${four}", "${six}"], checks: &c [dns: { name: health.example.com }], route: &r [frr: { sockets: /nowhere }]${guard} }
  more: { prefixes: ["2001:db8::54/128"], checks: *c, route: *r${guard} }`,
    "x",
  ).config;

const noEvents = { subscribe: () => () => {}, poll: () => {} };

test("an frr entry is one driver for ospfd and one for ospf6d, each shared by the services", () => {
  const explain = () => {
    throw new Error("nothing is moved here");
  };
  const { route } = buildRouting(config(), noEvents, explain);
  expect(route.get(four)).toEqual([expect.any(FrrDriver)]);
  expect(route.get(six)).toEqual([expect.any(Frr6Driver)]);
  expect(route.get(prefixOf("2001:db8::54"))![0]).toBe(route.get(six)![0]);
});

test("a program that hangs for one prefix keeps it from no other: each prefix has a driver of its own", () => {
  const text = `services: { both: { prefixes: ["${four}", "${six}"], checks: [dns: { name: health.example.com }], route: [exec: { command: [/bin/true] }], guard: none } }`;
  const explain = () => ({ services: [], reason: "", evidence: [] });
  const { route } = buildRouting(readConfigText(text, "x").config, noEvents, explain);
  const [one, other] = [four, six].map((prefix) => route.get(prefix)![0]);
  expect(one).not.toBe(other);
  expect(one!.router).toBe(other!.router);
});

test("a guard that nobody wrote down must see OSPFv3 too, and says what to write where there is none", async () => {
  const sights = new Sights(config());
  await expect(sights.open(true)).rejects.toThrow(/services\.both\.guard: .*\/nowhere\/ospfd\.vty.*guard: none/);
  sights.close();
  const text = `services: { six: { prefixes: ["${six}"], checks: [dns: { name: health.example.com }], route: [frr: { sockets: /nowhere }] } }`;
  const alone = new Sights(readConfigText(text, "x").config);
  await expect(alone.open(true)).rejects.toThrow(
    /services\.six\.guard: .*\/nowhere\/ospf6d\.vty: ospf6d is not running.*without OSPFv3, give IPv6 prefixes a service of their own with guard: none/,
  );
  alone.close();
  const written = new Sights(config(", guard: { others: 1 }"));
  await written.open(true);
  expect(written.of(six, monotonicNs()).reason).toMatch(/ospf6d\.vty/);
  expect(written.of(four, monotonicNs()).reason).toMatch(/ospfd\.vty/);
  written.close();
});
