// Faults of sources, clients and servers.
import { anycast, anycastAddress } from "../support/host.js";
import { all, type Fault, ip, listenTcp, listenUdp, node, program, serverSix, sixConfig } from "./plant.js";

const otherPort = { check: { dns: { name: "health.example.com", type: "A", port: 5353 } } };
const udpClient = `const socket = require("dgram").createSocket("udp4");
  socket.bind(0, "${anycastAddress}", () => socket.connect(53, "198.18.0.9", ready));`;
const tcpClient = `const socket = require("net").connect({ host: "198.18.0.9", port: 53, localAddress: "${anycastAddress}" });
  socket.on("error", () => {});
  setImmediate(ready);`;

/** trafficFaults are planted one at a time. */
export const trafficFaults: readonly Fault[] = [
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
    plant: listenUdp(0, anycastAddress),
    tells: "to anybody",
  },
  {
    finds: "not-listening",
    severity: "error",
    subject: anycast,
    by: "a server that is not there",
    plant: () => {},
    config: otherPort,
    tells: "udp port 5353, found none",
  },
  {
    finds: "not-listening",
    severity: "error",
    subject: anycast,
    by: "a server at another address",
    plant: listenUdp(5353, "127.0.0.1"),
    config: otherPort,
    tells: "found only node on 127.0.0.1",
  },
  {
    finds: "wildcard-only",
    severity: "note",
    subject: anycast,
    by: "a server on the wildcard",
    plant: listenUdp(5353, "0.0.0.0"),
    config: otherPort,
    tells: "(node)",
  },
  {
    finds: "wildcard-only",
    severity: "note",
    subject: anycast,
    by: "a server on the wildcard of both families",
    plant: listenUdp(5353, "::"),
    config: otherPort,
    tells: "(node)",
  },
  {
    finds: "not-listening",
    severity: "error",
    subject: anycast,
    by: "a server on the wildcard of IPv6 alone",
    plant: listenUdp(5353, "::", true),
    config: otherPort,
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
    plant: listenTcp(53),
    config: { check: { dns: { name: "health.example.com", type: "A", transport: "tcp" } } },
    tells: "asks over TCP",
  },
  {
    finds: "stateful-service",
    severity: "warning",
    subject: anycast,
    by: "ssh at the anycast address",
    plant: listenTcp(22),
    tells: "node listening on TCP port 22",
  },
];
