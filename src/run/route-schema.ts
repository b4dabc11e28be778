// The shape of a service's route in the config: one mapping for each driver. What its keys mean to each other is route-rule.ts's business.
import { z } from "zod";
import {
  absolutePath,
  address,
  birdName,
  choice,
  duration,
  expected,
  hostPrefix,
  mapping,
  meant,
  text,
  yesNo,
} from "./config-scalar.js";

/** drivers lists the words of a route, in the order in which they are told. */
export const drivers = ["frr", "bird", "exec", "address", "ifupdown", "none"] as const;

/** How recovery is seen, where an address is taken away. */
const recovery = choice("anchor", "alias", "manual")
  .optional()
  .describe("How recovery is seen while withdrawn; anchor where none is given and every prefix is IPv4.");
const alias = z
  .array(address, { error: expected("a list of addresses") })
  .prefault([])
  .describe("With recovery alias: a unicast address per family that the server listens on too.");
const argv = (what: string) =>
  z
    .array(text("an argument", 1024), { error: expected("a list of arguments") })
    .min(1, { error: expected("at least one argument") })
    .describe(what);

const birdWay = mapping({
  file: absolutePath().optional().describe("The file with the set of prefixes, which bird.conf includes."),
  constant: birdName.optional().describe("The name of the set in it: a constant, or birdwatcher's function."),
  dummy: hostPrefix.optional().describe("A prefix that nobody uses: the set is never empty."),
  protocol: birdName.optional().describe("In their place: a protocol that feeds OSPF, to be enabled and disabled."),
});

const routeMapping = mapping({
  frr: mapping({
    sockets: absolutePath(90).prefault("/run/frr").describe("The directory of the vty sockets; /run/quagga on Quagga."),
  })
    .optional()
    .describe("Withdraw through FRR's or Quagga's vty socket."),
  bird: mapping({
    socket: absolutePath(107).prefault("/run/bird/bird.ctl").describe("BIRD's control socket."),
    ipv4: birdWay.prefault({}).describe("By what IPv4 prefixes are moved."),
    ipv6: birdWay.prefault({}).describe("By what IPv6 prefixes are moved."),
  })
    .optional()
    .describe("Withdraw through BIRD's control socket."),
  exec: mapping({
    command: argv("The absolute path of the program that moves a prefix, and its arguments."),
    observe: argv("The absolute path of the program that tells how a prefix stands, and its arguments.").optional(),
    timeout: duration("100ms", "10m").prefault("10s").describe("Each run of either program is killed after so long."),
    deprefer: yesNo.prefault(false).describe("The program can announce a prefix at the cost of a rung."),
  })
    .optional()
    .describe("Move prefixes by a program of your own."),
  address: mapping({
    device: text("a device name", 15).prefault("lo").describe("The device that holds the anycast addresses."),
    label: text("a label", 15).optional().describe("IPv4 address label, such as lo:0; the device's name where none."),
    recovery,
    alias,
    lease: duration("0s", "24h")
      .prefault("0s")
      .describe("The kernel drops the address this long after the last refresh."),
  })
    .optional()
    .describe("Withdraw by taking the address off its device."),
  ifupdown: mapping({
    interface: text("an interface name", 15).prefault("lo:0").describe("The alias that has the anycast addresses."),
    recovery,
    alias,
    timeout: duration("100ms", "10m").prefault("10s").describe("Each run of ifup or ifdown is killed after so long."),
  })
    .optional()
    .describe("Withdraw by ifdown, announce by ifup."),
  none: mapping({}).optional().describe("Move nothing: only watch and report."),
});

function hint(value: unknown): string | undefined {
  return value === "exec" ? "write exec: { command: [/path/to/program] }" : meant(...drivers)(value);
}

/** routeSchema is one driver of a service, as a mapping with one key or as its bare word. */
export const routeSchema = z.union(
  [
    choice(...drivers)
      .exclude(["exec"])
      .transform((word) => routeMapping.parse({ [word]: {} })),
    routeMapping,
  ],
  { error: expected(`${drivers.slice(0, -1).join(", ")} or ${drivers.at(-1)}`, hint) },
);

export type RawRoute = z.output<typeof routeSchema>;
