// Where the HTTP listener listens, and the token that it asks for: both are checked before anything is opened.
import { readFileSync, statSync } from "node:fs";
import { isIPv4, isIPv6 } from "node:net";
import { ConfigError } from "../errors.js";

/** Place is a TCP address to listen at. */
export interface Place {
  /** An IPv4 or IPv6 address without zone or brackets. */
  readonly address: string;
  /** 0-65535; 0: the kernel chooses. */
  readonly port: number;
}

/** parsePlace reads `127.0.0.1:9353` or `[::1]:9353`; undefined where it is neither. */
export function parsePlace(text: string): Place | undefined {
  const [, six, four, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = six ?? four;
  const port = Number(digits);
  if (address === undefined || port > 65535) return undefined;
  return (six === undefined ? isIPv4 : isIPv6)(address) ? { address, port } : undefined;
}

/** isLoopback tells whether nobody but this host can reach an address. */
export function isLoopback(address: string): boolean {
  return isIPv4(address) ? address.startsWith("127.") : new URL(`http://[${address}]/`).hostname === "[::1]";
}

/** formatPlace writes what parsePlace reads. */
export function formatPlace({ address, port }: Place): string {
  return isIPv4(address) ? `${address}:${port}` : `[${address}]:${port}`;
}

/** A shorter one could be tried out. */
const shortestToken = 16;
const readableByOthers = 0o004;

/** readToken reads a token from a file's only line. Throws ConfigError where it cannot be read, is too short, or everybody may read it. */
export function readToken(path: string): string {
  const fault = (message: string, cause?: unknown) =>
    new ConfigError("ERR_CONFIG_INVALID", `token file ${path}: ${message}`, [], { cause });
  let text: string;
  let mode: number;
  try {
    text = readFileSync(path, "utf8");
    mode = statSync(path).mode;
  } catch (cause) {
    throw fault(`could not be read: ${(cause as Error).message}`, cause);
  }
  if (mode & readableByOthers)
    throw fault(`expected a file that not everybody may read, got mode ${(mode & 0o777).toString(8)}: chmod o-r it`);
  const token = text.trim();
  if (token.length < shortestToken || !/^[\x21-\x7e]+$/.test(token)) {
    const got = `${token.length} characters`;
    throw fault(`expected one line of at least ${shortestToken} printable characters without blanks, got ${got}`);
  }
  return token;
}
