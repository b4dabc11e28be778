// Faults of the packet filter, the kernel, the clock and the systemd unit.
import { chmodSync, chownSync } from "node:fs";
import { join } from "node:path";
import { anycast } from "../support/host.js";
import { type Act, all, type Fault, file, flush, hook, input, ip, nft, serverSix, sixConfig, sysctl } from "./plant.js";

const unit = `[Service]
ExecStart=anyprobe run
DynamicUser=yes
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW
AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW
SupplementaryGroups=frrvty
`;
const unitFile = "/usr/lib/systemd/system/anyprobe.service";
const setFile = "/etc/bird.d/anycast-prefixes.conf";
const group = "root:x:0:\nfrrvty:x:4711:\n";

/** A unit with a drop-in, and the file that its BIRD includes, in a directory of `uid`. */
const includedFile = (dropIn: string, uid: number): Act =>
  all(
    file(unitFile, `${unit}${dropIn}\n`),
    file("/etc/group", group),
    file("/etc/passwd", "root:x:0:0::/:/bin/sh\nbird:x:4712:4712::/:/bin/sh\n"),
    file(setFile, "define ACAST_PS_ADVERTISE = [ 10.189.200.255/32 ];\n"),
    ({ root }) => chownSync(join(root, setFile), 4712, 4712),
    ({ root }) => chownSync(join(root, "/etc/bird.d"), uid, 4712),
  );

/** hostFaults are planted one at a time. */
export const hostFaults: readonly Fault[] = [
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
  {
    finds: "socket-forbidden",
    severity: "error",
    subject: "/run/frr/ospf6d.vty",
    by: "IPv6 prefixes under the unit without its drop-in",
    // It is a file, at which no ospf6d answers.
    besides: "router-unreachable",
    config: { prefixes: ["2001:db8::53/128"], ...sixConfig, service: { guard: { others: 1, frr: "/run/frr" } } },
    plant: all(
      ip("address add 2001:db8:1::2/64 dev up0 nodad"),
      ip("address add 2001:db8::53/128 dev lo nodad"),
      serverSix,
      file(unitFile, unit.replace(/^SupplementaryGroups=.*\n/m, "")),
      file("/etc/group", group),
      file("/run/frr/ospf6d.vty", ""),
      ({ root }) => chownSync(join(root, "/run/frr/ospf6d.vty"), 4711, 4711),
      ({ root }) => chmodSync(join(root, "/run/frr/ospf6d.vty"), 0o660),
    ),
    heal: all(ip("address del 2001:db8::53/128 dev lo"), ip("address del 2001:db8:1::2/64 dev up0")),
    tells: "the socket is for group frrvty, mode 660",
  },
  ...[
    { by: "the packaged unit", uid: 4712, dropIn: "", tells: "to belong to user anyprobe of" },
    { by: "a unit of BIRD's user that is sealed", uid: 4712, dropIn: "User=bird", tells: "found that ProtectSystem=" },
    {
      by: "a directory of root's",
      uid: 0,
      dropIn: "User=bird\nReadWritePaths=-/etc/bird.d/",
      tells: "found uid 4712 and 0",
    },
  ].map(
    ({ by, uid, dropIn, tells }): Fault => ({
      finds: "file-forbidden",
      severity: "error",
      subject: setFile,
      by,
      // No BIRD answers.
      besides: "router-unreachable",
      config: { service: { route: ["bird"] } },
      plant: includedFile(dropIn, uid),
      tells,
    }),
  ),
  {
    // Nothing is wrong with the file.
    finds: "router-unreachable",
    severity: "error",
    subject: "BIRD at /run/bird/bird.ctl",
    by: "a unit of BIRD's user whose file it may replace",
    config: { service: { route: ["bird"] } },
    plant: includedFile("User=bird\nReadWritePaths=-/etc/bird.d/", 4712),
    tells: "no socket at /run/bird/bird.ctl",
  },
];
