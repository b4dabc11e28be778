// The doctor at real name servers, all in one namespace and each at a port of its own. What it reads is their configuration by
// their own tools: so faults are planted in the file, and no server is started anew.
import type { ChildProcess } from "node:child_process";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ended } from "../../src/demo/frr.js";
import { Namespace } from "../../src/demo/namespace.js";
import { skipWithoutLab } from "../support/lab.js";
import { Examiner, idsOf } from "./router-examiner.js";

const anycast = "203.0.113.53";
const six = "2001:db8::53";
const unicast = "198.18.0.2";

interface Program {
  readonly port: number;
  readonly argv: (file: string) => readonly string[];
  /** The configuration with more in it at one or two places. */
  readonly config: (directory: string, server?: string, zone?: string) => string;
}

const bind =
  (listen: string): Program["config"] =>
  (directory, server = "", zone = "") =>
    `
options {
  directory "${directory}"; pid-file none; session-keyfile none; ${listen}
  dnssec-validation no; ${server}
};
controls { };
zone "example.com" { type primary; file "zone"; ${zone} };
`;

const unbound =
  (port: number, wildcard: boolean): Program["config"] =>
  (directory, server = "") =>
    `
server:
${wildcard ? "  interface: 0.0.0.0" : `  interface: ${anycast}\n  interface: ${six}`}
  port: ${port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "${directory}"
  pidfile: ""
  use-syslog: no
  access-control: 198.18.0.0/15 allow
  access-control: 2001:db8::/32 allow
  module-config: "iterator"
  ip-freebind: yes
  local-zone: "example.com." static
${server}
remote-control:
  control-enable: no
`;

const nsd =
  (port: number, wildcard: boolean): Program["config"] =>
  (directory, server = "", zone = "") =>
    `
server:
${wildcard ? "  ip-address: 0.0.0.0" : `  ip-address: ${anycast}\n  ip-address: ${six}`}
  port: ${port}
  zonesdir: "${directory}"
  username: ""
  database: ""
  pidfile: "${directory}/pid"
  xfrdfile: "${directory}/xfrd.state"
  zonelistfile: "${directory}/zone.list"
  xfrdir: "${directory}"
  ip-freebind: yes
${server}
remote-control:
  control-enable: no
zone:
  name: example.com
  zonefile: zone
${zone}
`;

const knot: Program["config"] = (directory, server = "", zone = "") => `
server:
  rundir: ${directory}
  listen: [ 0.0.0.0@57, ::@57 ]
database:
  storage: ${directory}
control:
  listen: ${directory}/knot.sock
${server}
template:
  - id: default
    storage: ${directory}
zone:
  - domain: example.com
    file: zone
${zone}
`;

const programs = {
  named: {
    port: 53,
    argv: (file) => ["named", "-f", "-n", "1", "-c", file],
    config: bind(`listen-on { ${anycast}; }; listen-on-v6 { ${six}; };`),
  },
  unbound: { port: 54, argv: (file) => ["unbound", "-c", file], config: unbound(54, false) },
  "unbound on a wildcard": { port: 55, argv: (file) => ["unbound", "-c", file], config: unbound(55, true) },
  nsd: { port: 56, argv: (file) => ["nsd", "-d", "-c", file], config: nsd(56, false) },
  knotd: { port: 57, argv: (file) => ["knotd", "-c", file], config: knot },
  "nsd on a wildcard": { port: 58, argv: (file) => ["nsd", "-d", "-c", file], config: nsd(58, true) },
} satisfies Record<string, Program>;
type Name = keyof typeof programs;
const names = Object.keys(programs) as Name[];

const zoneFile = `$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A ${unicast}\nhealth A ${unicast}\n`;

function serversMissing(): string | undefined {
  for (const [program, how] of [
    ["named", "-V"],
    ["unbound", "-V"],
    ["nsd", "-v"],
    ["knotd", "-V"],
  ] as const) {
    try {
      execFileSync(program, [how], { stdio: "ignore" });
    } catch {
      return `the program ${program} is missing: install bind9, unbound, nsd and knot`;
    }
  }
  return undefined;
}

interface Keys {
  readonly prefixes?: readonly string[];
  readonly check?: object;
  readonly question?: object;
  readonly recovery?: "anchor" | "manual";
}

function configFor(name: Name, { prefixes = [`${anycast}/32`], check, question, recovery = "manual" }: Keys = {}) {
  const dns = { name: "health.example.com", type: "A", port: programs[name].port, ...question };
  return {
    state: "/nonexistent/state.json",
    services: {
      resolver: { prefixes, checks: [{ dns, ...check }], route: [{ address: { recovery } }], guard: "none" },
    },
  };
}

describe.skipIf(skipWithoutLab() || skipWithoutLab(serversMissing()))("name servers", () => {
  let namespace: Namespace;
  let directory: string;
  let examiner: Examiner;
  const children: ChildProcess[] = [];

  const home = (name: Name) => join(directory, name.replaceAll(" ", "-"));
  const fileOf = (name: Name) => join(home(name), "server.conf");
  const write = (name: Name, server?: string, zone?: string) =>
    writeFile(fileOf(name), programs[name].config(home(name), server, zone));

  beforeAll(async () => {
    namespace = await Namespace.create(`ap${process.pid}-names`);
    await namespace.ip("link", "add", "up0", "type", "veth", "peer", "name", "end0");
    for (const name of ["up0", "end0"]) await namespace.ip("link", "set", name, "up");
    await namespace.ip("address", "add", `${unicast}/24`, "dev", "up0");
    await namespace.ip("address", "add", "2001:db8:1::2/64", "dev", "up0", "nodad");
    await namespace.ip("address", "add", `${anycast}/32`, "dev", "lo");
    await namespace.ip("address", "add", `${six}/128`, "dev", "lo", "nodad");
    directory = await mkdtemp(join(tmpdir(), "anyprobe-names-"));
    await chmod(directory, 0o755);
    for (const name of names) {
      await mkdir(home(name));
      await writeFile(join(home(name), "zone"), zoneFile);
      await write(name);
      const [program, ...argv] = programs[name].argv(fileOf(name));
      children.push(namespace.spawn(program!, argv, { cwd: home(name), stdio: "ignore" }));
    }
    examiner = await Examiner.open(namespace);
    for (const name of names) {
      const { port } = programs[name];
      const listening = () => namespace.exec("ss", "-Huln", `sport = :${port}`);
      await vi.waitFor(async () => expect(await listening()).toContain(`:${port} `), { timeout: 20_000 });
    }
  });
  afterAll(async () => {
    examiner?.close();
    for (const child of children) child.kill("SIGTERM");
    await Promise.all(children.map(ended));
    await namespace?.remove();
    await rm(directory, { recursive: true, force: true });
  });

  const found = async (name: Name, keys?: Keys) => idsOf(await examiner.examine({ config: configFor(name, keys) }));

  test.each<Name>(["named", "unbound", "nsd", "knotd"])("%s as it should be is met with silence", async (name) => {
    expect(await found(name)).toEqual([]);
    expect(await found(name, { prefixes: [`${anycast}/32`, `${six}/128`] })).toEqual([]);
  });

  test.each([
    ["unbound on a wildcard", "server-reply-source"],
    ["nsd on a wildcard", "server-reply-source"],
  ] as const)("%s: %s, and nothing else", async (name, id) => {
    const [finding, ...more] = await examiner.examine({ config: configFor(name) });
    expect(finding).toMatchObject({ id, severity: "error", subject: fileOf(name) });
    expect(more).toEqual([]);
  });

  test("unbound on a wildcard that looks where a query came to is well", async () => {
    await write("unbound on a wildcard", "  interface-automatic: yes");
    expect(await found("unbound on a wildcard")).toEqual([]);
  });

  const often = { fast_interval: "20ms" };
  type Row = [name: Name, what: string, server: string, zone?: string, keys?: Keys];
  const faults: readonly Row[] = [
    ["named", "server-source-anycast", `query-source ${anycast};`],
    ["named", "server-source-anycast", "", `notify-source ${anycast};`],
    ["named", "server-source-anycast", `transfer-source-v6 ${six};`, "", { prefixes: [`${six}/128`] }],
    ["named", "server-refuses-probe", "allow-query { !198.18.0.0/24; any; };"],
    ["named", "server-refuses-probe", "", "allow-query { 192.0.2.0/24; };"],
    [
      "named",
      "server-refuses-probe",
      "recursion yes; allow-recursion { 192.0.2.0/24; };",
      "",
      { question: { name: "example.net" } },
    ],
    ["named", "server-limits-probe", "rate-limit { responses-per-second 5; };", "", { check: often }],
    ["named", "server-closes-socket", "", "", { recovery: "anchor" }],
    ["named", "server-settings-unread", "no-such-option yes;"],
    ["unbound", "server-source-anycast", `  outgoing-interface: ${anycast}`],
    ["unbound", "server-refuses-probe", `  access-control: ${unicast}/32 refuse`],
    ["unbound", "server-limits-probe", "  ip-ratelimit: 10", "", { check: often }],
    [
      "unbound",
      "server-limits-probe",
      "  ratelimit: 10",
      "",
      { check: { ...often, expect: { rcode: "NXDOMAIN" } }, question: { random_label: true } },
    ],
    ["unbound", "server-cannot-restart", "  ip-freebind: no", "", { prefixes: [`${six}/128`], recovery: "anchor" }],
    ["nsd", "server-source-anycast", "", `  outgoing-interface: ${anycast}`],
    ["nsd", "server-refuses-probe", "", "  allow-query: 192.0.2.0/24 NOKEY"],
    ["nsd", "server-refuses-probe", "", `  allow-query: ${unicast} BLOCKED\n  allow-query: 0.0.0.0/0 NOKEY`],
    ["nsd", "server-limits-probe", "  rrl-ratelimit: 10", "", { check: often }],
    ["nsd", "server-cannot-restart", "  ip-freebind: no", "", { prefixes: [`${six}/128`], recovery: "anchor" }],
    ["knotd", "server-source-anycast", `remote:\n  - id: away\n    address: 198.18.0.9\n    via: ${anycast}`],
    [
      "knotd",
      "server-limits-probe",
      "mod-rrl:\n  - id: few\n    rate-limit: 10",
      "    module: mod-rrl/few",
      { check: often },
    ],
    [
      "knotd",
      "server-refuses-probe",
      "mod-queryacl:\n  - id: few\n    address: 192.0.2.0/24",
      "    module: mod-queryacl/few",
    ],
  ];

  test.each<Row>(faults)("%s: %s is named, and nothing else (%s)", async (name, id, server, zone, keys) => {
    await write(name, server, zone);
    const [finding, ...more] = await examiner.examine({ config: configFor(name, keys) });
    expect(finding).toMatchObject({ id, subject: fileOf(name) });
    expect(more).toEqual([]);
    await write(name);
    expect(await found(name)).toEqual([]);
  });

  const harmless: readonly Row[] = [
    ["named", "a unicast source", `query-source ${unicast}; transfer-source ${unicast};`],
    [
      "named",
      "a limit that probes are exempt from",
      "rate-limit { responses-per-second 5; exempt-clients { 198.18.0.0/15; }; };",
    ],
    ["named", "a limit that is only logged", "rate-limit { responses-per-second 5; log-only yes; };"],
    ["named", "a limit above what is asked", "rate-limit { responses-per-second 500; };"],
    ["named", "a zone that admits what the server does not", "allow-query { none; };", "allow-query { localhost; };"],
    ["named", "a scan that is off", "automatic-interface-scan no; interface-interval 0;", "", { recovery: "anchor" }],
    ["unbound", "a limit on what is asked of others", "  ratelimit: 10"],
    ["nsd", "an exact admission", "", `  allow-query: 198.18.0.0-198.18.0.9 NOKEY\n  allow-query: 0.0.0.0/0 BLOCKED`],
    [
      "knotd",
      "a limit that probes are exempt from",
      `mod-rrl:\n  - id: few\n    rate-limit: 10\n    whitelist: ${unicast}`,
      "    module: mod-rrl/few",
    ],
  ];

  test.each<Row>(harmless)("%s: %s is met with silence", async (name, _, server, zone, keys) => {
    await write(name, server, zone);
    expect(await found(name, { check: often, ...keys })).toEqual([]);
    await write(name);
  });

  test("a BIND with views is read as the client sees it", async () => {
    const views = (first: string) => `
options { directory "${home("named")}"; pid-file none; listen-on { ${anycast}; }; };
acl probes { 198.18.0.0/15; };
view inside { match-clients { ${first} }; allow-query { none; }; zone "example.com" { type primary; file "zone"; }; };
view outside { zone "example.com" { type primary; file "zone"; }; };
`;
    await writeFile(fileOf("named"), views("!probes; any;"));
    expect(await found("named")).toEqual([]);
    await writeFile(fileOf("named"), views("probes;"));
    expect(await found("named")).toEqual(["server-refuses-probe"]);
    await write("named");
  });
});
