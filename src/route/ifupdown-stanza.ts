// What ifupdown would put on an interface, as its own `ifquery` tells it: all stanzas of one name together.
import { canonicalAddress, familyOf } from "../probe/target.js";
import { runProgram } from "./program-outcome.js";

/** A few hundred addresses. */
const mostOctets = 65_536;

/** readStanza gives an interface's addresses, as `203.0.113.53/32`; a string where they cannot be read: why. */
export async function readStanza(
  name: string,
  environment: NodeJS.ProcessEnv,
  timeoutMs: number,
): Promise<readonly string[] | string> {
  const { stdout, fault } = await runProgram({ command: ["ifquery", name], environment, mostOctets }, timeoutMs);
  return fault ?? parseStanza(stdout);
}

/** parseStanza reads what `ifquery` writes: `key: value` lines, `address` before its `netmask`. What is no address is left out. */
export function parseStanza(text: string): readonly string[] {
  const found: string[] = [];
  let address: string | undefined;
  for (const line of text.split("\n")) {
    const [, key, value = ""] = /^([a-z-]+): (.*)$/.exec(line) ?? [];
    if (key === "address") address = spell(value);
    if (key !== "netmask" || address === undefined) continue;
    found.push(`${address}/${lengthOf(value)}`);
    address = undefined;
  }
  return found;
}

function spell(value: string): string | undefined {
  try {
    return canonicalAddress(value);
  } catch {
    return undefined;
  }
}

/** A netmask is written as 255.255.255.255 or as 128. */
function lengthOf(netmask: string): number {
  if (!netmask.includes(".") || familyOf(netmask) !== 4) return Number(netmask);
  return netmask.split(".").reduce((bits, octet) => bits + Number(octet).toString(2).replaceAll("0", "").length, 0);
}
