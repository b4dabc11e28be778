// The pages that the build made for browsers (dist/page): their scripts and styles, and the hashes by which alone they are allowed.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

/** Bundle is a page's only script and style, each as it stands in the page. */
export interface Bundle {
  readonly script: string;
  readonly style: string;
  /** The directives of a content security policy that allow these two, and nothing from elsewhere. */
  readonly policy: readonly string[];
}

/** readBundle reads a page's bundle. Rejects with an Error where this installation lacks it. */
export async function readBundle(script: string, style: string): Promise<Bundle> {
  const [code, look] = await Promise.all([built(script), built(style)]);
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(code)}`,
    `style-src ${hashOf(look)}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ];
  return { script: code, style: look, policy };
}

async function built(name: string): Promise<string> {
  try {
    return await readFile(new URL(`../../dist/page/${name}`, import.meta.url), "utf8");
  } catch (cause) {
    throw new Error(`the page's ${name} is missing: install anyprobe again, or npm run build`, { cause });
  }
}

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
