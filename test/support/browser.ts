// A headless Chromium, in a network namespace where one is given, and all that a page does in it that it must not do.
import { accessSync, chmodSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import type { Namespace } from "../../src/demo/namespace.js";

const browserFile = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
});

/** browserMissing names what is missing; undefined where nothing is. */
export function browserMissing(): string | undefined {
  return browserFile === undefined ? "chromium is not installed" : undefined;
}

/** launchBrowser starts one. */
export async function launchBrowser(namespace?: Namespace): Promise<Browser> {
  // As root, as in CI, Chromium's sandbox cannot start.
  const args = ["--no-sandbox"];
  if (namespace === undefined) return chromium.launch({ executablePath: browserFile!, args });
  const folder = mkdtempSync(join(tmpdir(), "anyprobe-browser-"));
  const script = join(folder, "chromium");
  writeFileSync(script, `#!/bin/sh\nexec ip netns exec ${namespace.name} ${browserFile} "$@"\n`);
  chmodSync(script, 0o755);
  const browser = await chromium.launch({ executablePath: script, args });
  browser.on("disconnected", () => rmSync(folder, { recursive: true, force: true }));
  return browser;
}

/** Watched is a page and what it did that it must not do: requests beyond its own host, console messages, errors, violations. */
export interface Watched {
  readonly page: Page;
  readonly complaints: string[];
}

export interface Look {
  readonly width?: number;
  readonly dark?: boolean;
}

/** openPage opens a page; its requests may go to where it came from alone. */
export async function openPage(
  browser: Browser,
  url: string,
  { width = 1280, dark = false }: Look = {},
): Promise<Watched> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: dark ? "dark" : "light" });
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const own = request.url() === url || (url.startsWith("http") && request.url().startsWith(new URL("/", url).href));
    if (!own && !request.url().startsWith("data:")) complaints.push(`request: ${request.url()}`);
  });
  // A violation of the policy is a console message of the browser, too; the event names the directive.
  await page.addInitScript(`document.addEventListener("securitypolicyviolation", (event) => {
    console.error("violated " + event.violatedDirective + " by " + event.blockedURI);
  })`);
  await page.goto(url);
  return { page, complaints };
}
