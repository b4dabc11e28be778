// CLOCK_BOOTTIME, which Node.js does not tell: its os.uptime() trusts /proc/uptime, which containers make up.
import { loadAddon } from "./addon.js";

/** boottimeNs tells how long this host has been up, in ns, suspension included. No step of the wall clock moves it. */
export function boottimeNs(): number {
  return loadAddon().boottimeNs();
}
