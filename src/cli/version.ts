// The package's own name card, read where it is kept.
import { createRequire } from "node:module";

const card = createRequire(import.meta.url)("../../package.json") as { version: string; description: string };

export const packageVersion = card.version;
export const packageDescription = card.description;
