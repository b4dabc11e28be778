// Which addresses are anycast where nobody says so: the host addresses on a loopback device that are no router's id.
import type { Address, Link } from "../engine/netlink.js";
import { type Prefix, parsePrefix, prefixOf } from "../route/prefix.js";

/** Where routers have their ids written. */
const routerFiles = ["/etc/frr/frr.conf", "/etc/frr/ospfd.conf", "/etc/frr/bgpd.conf", "/etc/frr/zebra.conf"].concat(
  ["/etc/quagga/ospfd.conf", "/etc/quagga/Quagga.conf"],
  ["/etc/bird/bird.conf", "/etc/bird.conf"],
);
const routerId = /\brouter[- ]id\s+(\d+\.\d+\.\d+\.\d+)/g;

/** guessPrefixes takes every /32 and /128 of global scope on a loopback or dummy device that no router's configuration has as its id. */
export function guessPrefixes(
  addresses: readonly Address[],
  links: readonly Link[],
  read: (path: string) => string | undefined,
): Prefix[] {
  const devices = new Set(links.filter(({ loopback, kind }) => loopback || kind === "dummy").map(({ name }) => name));
  const ids = new Set(
    routerFiles.flatMap((file) => [...(read(file) ?? "").matchAll(routerId)].map(([, id]) => parsePrefix(`${id}/32`))),
  );
  const hosts = addresses.filter(
    ({ device, family, prefixLength, scope }) =>
      devices.has(device) && prefixLength === (family === 4 ? 32 : 128) && scope === 0,
  );
  return [...new Set(hosts.map(({ address }) => prefixOf(address)))].filter((prefix) => !ids.has(prefix));
}
