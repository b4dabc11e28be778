// The anycast addresses as the kernel has them: there, a host address, on its device, usable, and there to stay.
import { type Address, addressFlag, listLocalRoutes } from "../engine/netlink.js";
import { addressOf, familyOfPrefix, type Prefix } from "../route/prefix.js";
import type { Finding } from "./finding.js";
import type { Context, Examination } from "./host.js";
import { moverOf } from "./mover.js";

export const examineAddresses: Examination = {
  name: "anycast addresses",
  examine: async (context) =>
    context.prefixes.length === 0
      ? [nothingToExamine]
      : context.prefixes.flatMap((prefix) => [...examinePrefix(context, prefix)]),
};

const nothingToExamine: Finding = {
  id: "no-prefix",
  severity: "warning",
  subject: "lo",
  message: "expected an anycast address, found no config and no /32 or /128 on lo that is no router's id",
  fix: "name the addresses with --prefix, or write a config: anyprobe init",
};

function* examinePrefix(context: Context, prefix: Prefix): Generator<Finding> {
  const mover = moverOf(context, prefix);
  const device = mover?.device ?? "lo";
  const held = context.addresses.filter(({ address }) => address === addressOf(prefix));
  if (held.length === 0) yield missing(context, prefix, device);
  for (const address of held) {
    if (address.prefixLength !== widthOf(prefix)) yield wide(context, address, prefix);
    else if (!isPlace(context, address, mover?.device)) yield misplaced(address, prefix, device);
    else if (address.flags & (addressFlag.tentative | addressFlag.dadFailed)) yield tentative(address, prefix);
    else if (Number.isFinite(address.validS) && !mover?.leaseMs) yield expiring(address, prefix);
  }
}

function widthOf(prefix: Prefix): number {
  return familyOfPrefix(prefix) === 4 ? 32 : 128;
}

/** addCommand is what puts an anycast address where it belongs. */
export function addCommand(prefix: Prefix, device: string): string {
  const rest = familyOfPrefix(prefix) === 6 ? "nodad" : device === "lo" ? "label lo:0" : "";
  return `ip address add ${prefix} dev ${device} ${rest}`.trimEnd();
}

/** Where the config names no device, any is right that stays up with the host. */
function isPlace({ links }: Context, { device }: Address, wanted: string | undefined): boolean {
  if (wanted !== undefined) return device === wanted;
  return links.some(({ name, loopback, kind }) => name === device && (loopback || kind === "dummy"));
}

function missing(context: Context, prefix: Prefix, device: string): Finding {
  const away = awayBy(context, prefix);
  if (away !== undefined) {
    return {
      id: "address-withdrawn",
      severity: "note",
      subject: prefix,
      message: `expected it on ${device}, found that ${away}`,
      fix: `anyprobe why ${prefix}`,
    };
  }
  const there = context.links.some(({ name }) => name === device);
  return {
    id: "address-missing",
    severity: "error",
    subject: prefix,
    message: `expected it on ${device}, found ${there ? "it on no device" : `no device ${device}`}`,
    fix: there ? addCommand(prefix, device) : `make ${device}, or correct \`device\` in the config`,
  };
}

/** Whoever took it away knowingly; undefined where nobody is known to. */
function awayBy({ state }: Context, prefix: Prefix): string | undefined {
  const removal = state.manual.find((one) => one.prefix === prefix);
  if (removal) return `${removal.by} took it away by hand`;
  const anchored = listLocalRoutes().some(({ anchor, address }) => anchor && address === addressOf(prefix));
  if (anchored || state.changes.some((change) => change.prefix === prefix)) return "anyprobe withdrew it";
  return undefined;
}

function wide(context: Context, address: Address, prefix: Prefix): Finding {
  const { device, prefixLength } = address;
  const found = `${addressOf(prefix)}/${prefixLength}`;
  const fix = `ip address add ${prefix} dev ${device} && ip address del ${found} dev ${device}`;
  const primary = primaryOf(context, address);
  if (primary !== undefined && !promotes(context, device)) {
    return {
      id: "address-secondary",
      severity: "error",
      subject: prefix,
      message: `expected a host address, found ${found} on ${device}, a secondary of ${primary}: it goes when that is deleted (promote_secondaries is 0)`,
      fix: `${fix}; or sysctl -w net.ipv4.conf.${device}.promote_secondaries=1`,
    };
  }
  return {
    id: "address-wide",
    severity: "error",
    subject: prefix,
    message: `expected a host address, found ${found} on ${device}: it claims its whole subnet, and deleting it may take others along`,
    fix,
  };
}

/** The primary that a secondary IPv4 address hangs on. */
function primaryOf({ addresses }: Context, secondary: Address): string | undefined {
  if (secondary.family !== 4 || !(secondary.flags & addressFlag.secondary)) return undefined;
  const { device, prefixLength } = secondary;
  const subnet = (address: string) =>
    address.split(".").reduce((value, octet) => value * 256 + Number(octet), 0) >>> (32 - prefixLength);
  const primary = addresses.find(
    (one) =>
      one.family === 4 &&
      one.device === device &&
      one.prefixLength === prefixLength &&
      !(one.flags & addressFlag.secondary) &&
      subnet(one.address) === subnet(secondary.address),
  );
  return primary && `${primary.address}/${prefixLength}`;
}

function promotes({ sysctl }: Context, device: string): boolean {
  return ["all", device].some((name) => sysctl(`net/ipv4/conf/${name}/promote_secondaries`) !== "0");
}

function misplaced({ device }: Address, prefix: Prefix, wanted: string): Finding {
  return {
    id: "address-device",
    severity: "error",
    subject: prefix,
    message: `expected it on ${wanted} alone, found it on ${device}`,
    fix: `ip address del ${prefix} dev ${device}; if it is on no other: ${addCommand(prefix, wanted)}`,
  };
}

function tentative({ device, flags }: Address, prefix: Prefix): Finding {
  const failed = flags & addressFlag.dadFailed;
  return {
    id: "address-tentative",
    severity: "error",
    subject: prefix,
    message: `expected an address that can be used, found it ${failed ? "refused by" : "still in"} duplicate address detection on ${device}`,
    fix: `ip address del ${prefix} dev ${device} && ${addCommand(prefix, device)}`,
  };
}

function expiring({ device, validS }: Address, prefix: Prefix): Finding {
  return {
    id: "address-expiring",
    severity: "warning",
    subject: prefix,
    message: `expected it to stay, found that the kernel removes it from ${device} in ${validS} s, and the config has no lease`,
    fix: `ip address change ${prefix} dev ${device} valid_lft forever preferred_lft forever`,
  };
}
