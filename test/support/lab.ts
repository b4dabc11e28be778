// Whether this host can run the lab (network namespaces with real routers), and what a test does where it cannot.
import { networkMissing } from "../../src/demo/network.js";

/** labMissing names what is missing for the lab, in one sentence; undefined where nothing is. */
export function labMissing(): string | undefined {
  return networkMissing();
}

/**
 * skipWithoutLab tells tests to skip, and prints why; `missing` is for those that need more than the lab. With ANYPROBE_LAB=required, as in CI, a host without the lab is a
 * failure: a suite that silently tests less than it says is worse than one that fails.
 */
export function skipWithoutLab(missing = labMissing()): boolean {
  if (missing === undefined) return false;
  if (process.env["ANYPROBE_LAB"] === "required") throw new Error(`ANYPROBE_LAB=required, but ${missing}`);
  console.log(`skipped: ${missing}`);
  return true;
}
