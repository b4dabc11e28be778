// The shape of a service's route in the config: one mapping for each driver. What its keys mean to each other is route-rule.ts's business.
import { z } from "zod";
import { absolutePath, address, choice, duration, expected, mapping, meant, text } from "./config-scalar.js";

const drivers = ["frr", "address", "none"] as const;

const routeMapping = mapping({
  frr: mapping({
    sockets: absolutePath(90).prefault("/run/frr").describe("The directory of the vty sockets; /run/quagga on Quagga."),
  })
    .optional()
    .describe("Withdraw through FRR's or Quagga's vty socket."),
  address: mapping({
    device: text("a device name", 15).prefault("lo").describe("The device that holds the anycast addresses."),
    label: text("a label", 15).optional().describe("IPv4 address label, such as lo:0; the device's name where none."),
    recovery: choice("anchor", "alias", "manual")
      .optional()
      .describe("How recovery is seen while withdrawn; anchor where none is given and every prefix is IPv4."),
    alias: z
      .array(address, { error: expected("a list of addresses") })
      .prefault([])
      .describe("With recovery alias: a unicast address per family that the server listens on too."),
    lease: duration("0s", "24h")
      .prefault("0s")
      .describe("The kernel drops the address this long after the last refresh."),
  })
    .optional()
    .describe("Withdraw by taking the address off its device."),
  none: mapping({}).optional().describe("Move nothing: only watch and report."),
});

/** routeSchema is one driver of a service, as a mapping with one key or as its bare word. */
export const routeSchema = z.union(
  [choice(...drivers).transform((word) => routeMapping.parse({ [word]: {} })), routeMapping],
  { error: expected("frr, address or none", meant(...drivers)) },
);

export type RawRoute = z.output<typeof routeSchema>;
