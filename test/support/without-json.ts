// An ospfd that knows no `json`, as Quagga's: a real one that is not asked for it.
import { type VtyProxy, vtyProxy } from "./vty-proxy.js";

/** withoutJson listens at `path` for the ospfd at `real`. */
export function withoutJson(path: string, real: string): Promise<VtyProxy> {
  return vtyProxy(path, real, (line) => (line.endsWith(" json") ? "% Unknown command.\n\0\0\0\x02" : undefined));
}
