// A random label: asked for under a name, it makes a question that no cache has an answer to.
import { randomBytes } from "node:crypto";

/** So that operators see in their query logs who asks. */
const beginning = "anyprobe-";
const randomOctets = 6;

/** randomLabelLength is how many octets a random label has. */
export const randomLabelLength = beginning.length + 2 * randomOctets;

/** underRandomLabel puts a fresh random label under a name in presentation form. */
export function underRandomLabel(name: string): string {
  const label = beginning + randomBytes(randomOctets).toString("hex");
  return name === "." ? label : `${label}.${name}`;
}
