// On a clean host the doctor is silent. Each fault that is planted there, one at a time, it names, and no other.
import { type ChildProcess, execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { daemonDirectory, ended } from "../../src/demo/frr.js";
import type { Finding } from "../../src/doctor/finding.js";
import { anycast, anycastAddress, type HostConfig, hostMissing } from "../support/host.js";
import { skipWithoutLab } from "../support/lab.js";
import { Patient, timedatectl } from "./patient.js";

interface Fault {
  /** As the finding's id; more than one row may plant the same. */
  readonly finds: string;
  readonly severity: Finding["severity"];
  readonly subject: string;
  readonly by: string;
  readonly plant: (patient: Patient) => unknown;
  readonly heal?: (patient: Patient) => unknown;
  readonly config?: HostConfig;
  /** Another examination's finding, which this plant cannot do without. */
  readonly besides?: string;
  /** What its message must have. */
  readonly tells: string | RegExp;
}

const ip = (line: string) => (patient: Patient) => patient.host.ip(...line.split(" "));
const all =
  (...steps: readonly ((patient: Patient) => unknown)[]) =>
  async (patient: Patient) => {
    for (const step of steps) await step(patient);
  };
const file = (path: string, text: string) => (patient: Patient) => patient.write(path, text);
const sysctl = (setting: string) => (patient: Patient) => patient.host.namespace.exec("sysctl", "-qw", setting);

const addAnycast = ip(`address add ${anycast} dev lo label lo:0`);
const delAnycast = ip(`address del ${anycast} dev lo`);
const unit = `[Service]
ExecStart=anyprobe run
DynamicUser=yes
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW
AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW
SupplementaryGroups=frrvty
`;
const unitFile = "/usr/lib/systemd/system/anyprobe.service";
const group = "root:x:0:\nfrrvty:x:4711:\n";

const children = new Set<ChildProcess>();
/** A program that says so once its socket is there, and ends with the fault. */
const program =
  (file: string, ...argv: readonly string[]) =>
  (patient: Patient) => {
    const child = patient.host.spawn(file, argv);
    children.add(child);
    return new Promise<void>((resolve, reject) => {
      child.stdout!.once("data", () => resolve());
      child.once("exit", (code) => reject(new Error(`${file} ended with ${code}`)));
    });
  };
const node = (script: string) => program(process.execPath, "-e", `const ready = () => console.log("ready"); ${script}`);
const udpClient = `const socket = require("dgram").createSocket("udp4");
  socket.bind(0, "${anycastAddress}", () => socket.connect(53, "198.18.0.9", ready));`;
const tcpClient = `require("net").connect({ host: "198.18.0.9", port: 53, localAddress: "${anycastAddress}" }).on("error", () => {});
  setImmediate(ready);`;
const listenTcp = (port: number, address = anycastAddress) =>
  `require("net").createServer().listen(${port}, "${address}", ready);`;
const listenUdp = (port: number, address: string) =>
  `require("dgram").createSocket("udp4").bind(${port}, "${address}", ready);`;

const sixConfig = { address: { label: undefined, recovery: "manual" } };
const serverSix = node(`require("dgram").createSocket("udp6").bind(53, "2001:db8::53", ready);`);

const nft = (rules: string) => (patient: Patient) => {
  const argv = ["netns", "exec", patient.host.namespace.name, "nft", "-f", "-"];
  const { status, stderr } = spawnSync("ip", argv, { input: rules, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
};
const input = (...rules: readonly string[]) => nft(`table inet filter {\n chain input {\n${rules.join("\n")}\n }\n}\n`);
const hook = (policy: "accept" | "drop") => `type filter hook input priority 0; policy ${policy};`;
const flush = nft("flush ruleset");

const faults: readonly Fault[] = [
  {
    finds: "address-missing",
    severity: "error",
    subject: anycast,
    by: "its deletion",
    plant: delAnycast,
    heal: addAnycast,
    tells: "found it on no device",
  },
  {
    finds: "address-withdrawn",
    severity: "note",
    subject: anycast,
    by: "an anchor in its place",
    plant: all(ip(`route add local ${anycast} dev lo table local metric 1024 protocol 97`), delAnycast),
    heal: all(addAnycast, ip(`route del local ${anycast} dev lo table local metric 1024`)),
    tells: "anyprobe withdrew it",
  },
  {
    finds: "address-wide",
    severity: "error",
    subject: anycast,
    by: "a /24",
    plant: all(delAnycast, ip("address add 203.0.113.53/24 dev lo label lo:0")),
    heal: all(ip("address del 203.0.113.53/24 dev lo"), addAnycast),
    tells: "found 203.0.113.53/24 on lo",
  },
  {
    finds: "address-secondary",
    severity: "error",
    subject: anycast,
    by: "a wide primary that takes it along",
    plant: all(
      sysctl("net.ipv4.conf.all.promote_secondaries=0"),
      sysctl("net.ipv4.conf.lo.promote_secondaries=0"),
      delAnycast,
      ip("address add 203.0.113.1/24 dev lo"),
      ip("address add 203.0.113.53/24 dev lo label lo:0"),
    ),
    heal: all(ip("address del 203.0.113.53/24 dev lo"), ip("address del 203.0.113.1/24 dev lo"), addAnycast),
    tells: "a secondary of 203.0.113.1/24",
  },
  {
    finds: "address-device",
    severity: "error",
    subject: anycast,
    by: "another device",
    plant: all(delAnycast, ip(`address add ${anycast} dev up0`)),
    heal: all(ip(`address del ${anycast} dev up0`), addAnycast),
    tells: "found it on up0",
  },
  {
    finds: "address-tentative",
    severity: "error",
    subject: "2001:db8::53/128",
    by: "duplicate address detection without end",
    config: {
      prefixes: ["2001:db8::53/128"],
      address: { ...sixConfig.address, device: "up0" },
    },
    plant: all(
      ip("address add 2001:db8:1::2/64 dev up0 nodad"),
      sysctl("net.ipv6.ip_nonlocal_bind=1"),
      sysctl("net.ipv6.conf.up0.dad_transmits=100000"),
      ip("address add 2001:db8::53/128 dev up0 preferred_lft 0"),
      serverSix,
    ),
    heal: all(ip("address del 2001:db8::53/128 dev up0"), ip("address del 2001:db8:1::2/64 dev up0")),
    tells: "still in duplicate address detection on up0",
  },
  {
    finds: "address-missing",
    severity: "error",
    subject: "2001:db8::53/128",
    by: "an IPv6 address that nobody set",
    config: { prefixes: [anycast, "2001:db8::53/128"], ...sixConfig },
    plant: all(ip("address add 2001:db8:1::2/64 dev up0 nodad"), sysctl("net.ipv6.ip_nonlocal_bind=1"), serverSix),
    heal: ip("address del 2001:db8:1::2/64 dev up0"),
    tells: "found it on no device",
  },
  {
    finds: "source-anycast",
    severity: "error",
    subject: "up1",
    by: "an IPv6 uplink without an address",
    config: { prefixes: ["2001:db8::53/128"], ...sixConfig },
    plant: all(
      ip("address add 2001:db8:1::2/64 dev up0 nodad"),
      ip("address add 2001:db8::53/128 dev lo nodad"),
      ip("-6 route add default dev up1"),
      serverSix,
    ),
    heal: all(
      ip("-6 route del default dev up1"),
      ip("address del 2001:db8::53/128 dev lo"),
      ip("address del 2001:db8:1::2/64 dev up0"),
    ),
    tells: "2001:db8::53 is picked",
  },
  {
    finds: "address-expiring",
    severity: "warning",
    subject: anycast,
    by: "a lease that nobody refreshes",
    plant: ip(`address change ${anycast} dev lo valid_lft 3600 preferred_lft 3600`),
    heal: ip(`address change ${anycast} dev lo valid_lft forever preferred_lft forever`),
    tells: /removes it from lo in 3[0-9]{3} s/,
  },
  {
    finds: "address-owner",
    severity: "warning",
    subject: anycast,
    by: "systemd-networkd",
    plant: all(
      file("/run/systemd/netif/state", ""),
      file("/etc/systemd/network/10-lo.network", "[Match]\nName=lo\n[Network]\nAddress=203.0.113.53/32\n"),
    ),
    tells: "/etc/systemd/network/10-lo.network:4",
  },
  {
    finds: "address-owner",
    severity: "warning",
    subject: anycast,
    by: "netplan",
    plant: file("/etc/netplan/50-lo.yaml", 'network:\n  ethernets:\n    lo:\n      addresses: ["203.0.113.53/32"]\n'),
    tells: "/etc/netplan/50-lo.yaml:4",
  },
  {
    finds: "address-owner",
    severity: "warning",
    subject: anycast,
    by: "zebra's startup configuration",
    plant: file("/etc/frr/frr.conf", "interface lo\n ip address 203.0.113.53/32\nexit\n"),
    tells: "`interface lo`",
  },
  {
    finds: "address-at-boot",
    severity: "note",
    subject: anycast,
    by: "`auto` in a file that interfaces sources",
    plant: all(
      file("/etc/network/interfaces", "auto lo\niface lo inet loopback\nsource interfaces.d/*\n"),
      file("/etc/network/interfaces.d/anycast", "auto lo:0\niface lo:0 inet static\n  address 203.0.113.53/32\n"),
    ),
    tells: "/etc/network/interfaces.d/anycast:2",
  },
  {
    finds: "stanza-missing",
    severity: "error",
    subject: anycast,
    by: "a stanza of another alias",
    config: { service: { route: [{ ifupdown: { interface: "lo:0" } }] } },
    plant: file("/etc/network/interfaces", `iface lo:1 inet static\n  address ${anycast}\n`),
    tells: "found it in `iface lo:1` at /etc/network/interfaces:1",
  },
  {
    finds: "unit-not-root",
    severity: "error",
    subject: unitFile,
    by: "ifupdown under the packaged unit",
    config: { service: { route: [{ ifupdown: { interface: "lo:0" } }] } },
    plant: all(
      file("/etc/network/interfaces", `iface lo:0 inet static\n  address ${anycast}\n`),
      file(unitFile, unit),
      file("/etc/group", group),
    ),
    tells: "found user anyprobe",
  },
  {
    finds: "route-source",
    severity: "error",
    subject: "192.0.2.0/24",
    by: "a route that prefers it",
    plant: ip("route add 192.0.2.0/24 via 198.18.0.1 src 203.0.113.53"),
    heal: ip("route del 192.0.2.0/24"),
    tells: "203.0.113.53 as the source of the route 192.0.2.0/24 via 198.18.0.1 dev up0",
  },
  {
    finds: "source-anycast",
    severity: "error",
    subject: "up1",
    by: "an uplink without an address",
    plant: ip("route add default dev up1"),
    heal: ip("route del default"),
    tells: "203.0.113.53 is picked towards 192.0.2.1",
  },
  {
    finds: "probe-source",
    severity: "error",
    subject: "source.ipv4",
    by: "a source that no device has",
    plant: () => {},
    config: { top: { source: "198.18.0.99" } },
    tells: "198.18.0.99, which no device has",
  },
  {
    finds: "client-from-anycast",
    severity: "error",
    subject: anycastAddress,
    by: "a resolver's query",
    plant: node(udpClient),
    tells: /node \(pid \d+\) speaking from its udp port \d+ to 198\.18\.0\.9 port 53/,
  },
  {
    finds: "client-from-anycast",
    severity: "error",
    subject: anycastAddress,
    by: "a zone transfer",
    plant: all(ip("neighbour add 198.18.0.9 lladdr 02:00:00:00:00:09 dev up0"), node(tcpClient)),
    heal: ip("neighbour del 198.18.0.9 dev up0"),
    tells: /from its tcp port \d+ to 198\.18\.0\.9 port 53/,
  },
  {
    finds: "client-from-anycast",
    severity: "warning",
    subject: anycastAddress,
    by: "a socket that asks anybody",
    plant: node(listenUdp(0, anycastAddress)),
    tells: "to anybody",
  },
  {
    finds: "not-listening",
    severity: "error",
    subject: anycast,
    by: "a server that is not there",
    plant: () => {},
    config: { check: { dns: { name: "health.example.com", type: "A", port: 5353 } } },
    tells: "udp port 5353, found none",
  },
  {
    finds: "not-listening",
    severity: "error",
    subject: anycast,
    by: "a server at another address",
    plant: node(listenUdp(5353, "127.0.0.1")),
    config: { check: { dns: { name: "health.example.com", type: "A", port: 5353 } } },
    tells: "found only node on 127.0.0.1",
  },
  {
    finds: "wildcard-only",
    severity: "note",
    subject: anycast,
    by: "a server on the wildcard",
    plant: node(listenUdp(5353, "0.0.0.0")),
    config: { check: { dns: { name: "health.example.com", type: "A", port: 5353 } } },
    tells: "(node)",
  },
  {
    finds: "wildcard-only",
    severity: "note",
    subject: anycast,
    by: "a server on the wildcard of both families",
    plant: node(`require("dgram").createSocket("udp6").bind(5353, "::", ready);`),
    config: { check: { dns: { name: "health.example.com", type: "A", port: 5353 } } },
    tells: "(node)",
  },
  {
    finds: "not-listening",
    severity: "error",
    subject: anycast,
    by: "a server on the wildcard of IPv6 alone",
    plant: node(`require("dgram").createSocket({ type: "udp6", ipv6Only: true }).bind(5353, "::", ready);`),
    config: { check: { dns: { name: "health.example.com", type: "A", port: 5353 } } },
    tells: "found only node on ::",
  },
  {
    finds: "two-servers",
    severity: "warning",
    subject: anycast,
    by: "another program at the TCP port",
    plant: program(
      "perl",
      "-MIO::Socket::INET",
      "-e",
      `my $s = IO::Socket::INET->new(LocalAddr => "${anycastAddress}:53", Listen => 1) or die; $| = 1; print "ready\\n"; sleep 600`,
    ),
    tells: "node at 203.0.113.53 udp port 53, and perl",
  },
  {
    finds: "tcp-checks-only",
    severity: "warning",
    subject: "resolver",
    by: "a config that asks over TCP alone",
    plant: node(listenTcp(53)),
    config: { check: { dns: { name: "health.example.com", type: "A", transport: "tcp" } } },
    tells: "asks over TCP",
  },
  {
    finds: "stateful-service",
    severity: "warning",
    subject: anycast,
    by: "ssh at the anycast address",
    plant: node(listenTcp(22)),
    tells: "node listening on TCP port 22",
  },
  {
    finds: "firewall-drop",
    severity: "error",
    subject: anycast,
    by: "a rule",
    plant: input(
      hook("accept"),
      "iif lo accept",
      "ct state vmap { established : accept, invalid : drop }",
      "udp dport 53 drop",
    ),
    heal: flush,
    tells: /rule \d+ of inet filter input drops the queries of clients$/,
  },
  {
    finds: "firewall-drop",
    severity: "error",
    subject: anycast,
    by: "a policy, with a chain that lets in others",
    plant: nft(`table inet filter {
      chain others {
        ip saddr 203.0.113.0/24 tcp dport 53 accept
        udp dport 54 return
      }
      chain input {
        ${hook("drop")}
        iif lo accept
        jump others
      }
    }`),
    heal: flush,
    tells: "the policy of inet filter input drops the queries of clients",
  },
  {
    finds: "firewall-drop",
    severity: "error",
    subject: anycast,
    by: "a policy that forgets lo",
    plant: input(hook("drop"), "iif != lo udp dport { 53, 853 } accept"),
    heal: flush,
    tells: "drops the probes, their answers",
  },
  {
    finds: "rp-filter-strict",
    severity: "warning",
    subject: "up0",
    by: "a second uplink",
    plant: all(
      ip("address add 198.18.1.2/24 dev up1"),
      ip("route add default via 198.18.0.1"),
      ip("route add 192.0.2.0/24 via 198.18.1.1"),
      sysctl("net.ipv4.conf.up0.rp_filter=1"),
    ),
    heal: all(
      ip("address del 198.18.1.2/24 dev up1"),
      ip("route del default"),
      sysctl("net.ipv4.conf.up0.rp_filter=0"),
    ),
    tells: "2 uplinks",
  },
  {
    finds: "clock-unsynchronised",
    severity: "warning",
    subject: "clock",
    by: "a host without NTP",
    plant: (patient) => patient.setClock("no"),
    heal: (patient) => patient.setClock("yes"),
    tells: "timedatectl",
  },
  {
    finds: "capability-missing",
    severity: "error",
    subject: unitFile,
    by: "a drop-in",
    plant: all(
      file(unitFile, unit),
      file("/etc/group", group),
      file(
        "/etc/systemd/system/anyprobe.service.d/x.conf",
        "[Service]\nAmbientCapabilities=\nAmbientCapabilities=CAP_NET_RAW\n",
      ),
    ),
    tells: "CAP_NET_ADMIN, found user anyprobe without it",
  },
  {
    finds: "unit-group-missing",
    severity: "error",
    subject: unitFile,
    by: "a host without FRR",
    plant: all(file(unitFile, unit), file("/etc/group", "root:x:0:\n")),
    tells: "no group frrvty",
  },
  {
    finds: "socket-forbidden",
    severity: "error",
    subject: "/run/bird/bird.ctl",
    by: "a group that the unit is not in",
    // It is a file, at which no BIRD answers.
    besides: "router-unreachable",
    config: { service: { guard: { others: 1, bird: "/run/bird/bird.ctl" } } },
    plant: all(
      file(unitFile, unit),
      file("/etc/group", `${group}bird:x:4712:\n`),
      file("/run/bird/bird.ctl", ""),
      ({ root }) => chownSync(join(root, "/run/bird/bird.ctl"), 4712, 4712),
      ({ root }) => chmodSync(join(root, "/run/bird/bird.ctl"), 0o660),
    ),
    tells: "the socket is for group bird, mode 660",
  },
];

describe.skipIf(skipWithoutLab(hostMissing()))("a host", () => {
  let patient: Patient;
  beforeAll(async () => {
    patient = await Patient.create();
  }, 30_000);
  afterEach(async () => {
    for (const child of children) child.kill("SIGKILL");
    // Its socket goes with it, not with the signal.
    await Promise.all([...children].map(ended));
    children.clear();
    patient.wipe();
  });
  afterAll(() => patient?.[Symbol.asyncDispose]());

  it("is met with silence while it is clean", async () => {
    expect(await patient.examined()).toEqual([]);
  });

  it("is examined without a config, at the addresses on lo that are no router's id", async () => {
    await patient.host.ip("address", "add", "198.18.0.200/32", "dev", "lo");
    await patient.host.deleteAddress();
    patient.write("/etc/frr/frr.conf", "router ospf\n ospf router-id 198.18.0.200\n");
    expect((await patient.visit({})).map(({ id }) => id)).toEqual(["no-prefix"]);
    await patient.host.addAddress();
    expect(await patient.visit({})).toEqual([]);
    await patient.host.ip("address", "del", "198.18.0.200/32", "dev", "lo");
  });

  it.each(faults)(
    "has $finds named, and nothing else: $by",
    async ({ finds, severity, subject, plant, heal, config, besides, tells }) => {
      try {
        await plant(patient);
        const findings = (await patient.examined(config)).filter(({ id }) => id !== besides);
        expect(findings).toMatchObject([{ id: finds, severity, subject }]);
        if (typeof tells === "string") expect(findings[0]!.message).toContain(tells);
        else expect(findings[0]!.message).toMatch(tells);
      } finally {
        await heal?.(patient);
      }
    },
  );

  it("has the owner named that a running zebra is, which its files do not tell of", async () => {
    const directory = mkdtempSync(join(tmpdir(), "anyprobe-zebra-"));
    try {
      const number = (flag: string) => Number(execFileSync("id", [flag, "frr"], { encoding: "utf8" }));
      writeFileSync(join(directory, "zebra.conf"), `interface lo\n ip address ${anycast}\n`);
      chownSync(directory, number("-u"), number("-g"));
      const [at, files] = [`${daemonDirectory}/zebra`, ["-f", "zebra.conf", "-i", "zebra.pid", "-z", "zserv.api"]];
      const argv = [...files, "-u", "frr", "-g", "frr", "--vty_socket", directory, "-A", "127.0.0.1", "-P", "0"];
      const zebra = patient.host.spawn("env", ["-C", directory, at, ...argv]);
      children.add(zebra);
      while (!existsSync(join(directory, "zebra.vty"))) {
        expect(zebra.exitCode).toBeNull();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const findings = await patient.examined({ service: { guard: { others: 1, frr: directory } } });
      // ospfd does not run beside it.
      expect(findings.filter(({ id }) => id !== "router-unreachable")).toMatchObject([
        { id: "address-owner", severity: "warning", subject: anycast },
      ]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it.each([
    ["lets everything in", input(hook("accept"), "tcp dport 22 drop")],
    ["lets the service in by a map", input(hook("drop"), "iif lo accept", "udp dport vmap { 53 : accept }")],
    ["may let some clients in", input(hook("drop"), "iif lo accept", "ip saddr 198.18.0.0/15 udp dport 53 accept")],
    ["limits a rate", input(hook("accept"), "udp dport 53 limit rate over 100000/second drop")],
    ["drops what is no query", input(hook("accept"), "ct state invalid drop", "iif != lo ip saddr 127.0.0.0/8 drop")],
    ["drops elsewhere", input("type filter hook forward priority 0; policy drop;")],
  ] as const)("is not blamed for a packet filter that %s", async (_, plant) => {
    try {
      plant(patient);
      expect(await patient.examined()).toEqual([]);
    } finally {
      flush(patient);
    }
  });

  it("has an examination named that could not be made, and the others' findings", async () => {
    patient.install("nft", "#!/bin/sh\necho no JSON\n");
    patient.setClock("no");
    const findings = await patient.examined();
    patient.setClock("yes");
    patient.uninstall("nft");
    expect(findings).toMatchObject([
      { id: "clock-unsynchronised" },
      { id: "examination-failed", severity: "note", subject: "packet filter" },
    ]);
  });

  it.each([
    ["is not allowed", "exit 1"],
    ["kills itself", "kill -9 $$"],
  ])("is not blamed for a program that %s", async (_, line) => {
    patient.install("timedatectl", `#!/bin/sh\n${line}\n`);
    const findings = await patient.examined();
    patient.install("timedatectl", timedatectl);
    expect(findings).toEqual([]);
  });

  it("is clean again at the end", async () => {
    expect(await patient.examined()).toEqual([]);
  });
});
