// The targets of `anyprobe watch`: addresses, with or without a port, and whole networks; from arguments, a file or stdin.

import { LoadError } from "../errors.js";
import type { Target } from "../index.js";
import { openInput } from "../load/input-file.js";
import { addressBytes, canonicalAddress } from "../probe/target.js";
import { UsageError } from "./exit.js";

/** What a watch takes at all. */
const mostTargets = 2 ** 20;

export interface TargetRules {
  /** Where none is given. */
  readonly port: number;
  /** More targets than this are refused: a slip in a prefix length must not start a flood. */
  readonly most: number;
}

/** targetsOf reads the arguments, and the file where there is one (`-` is stdin). Each target comes once, in the order given. */
export async function targetsOf(
  words: readonly string[],
  file: string | undefined,
  rules: TargetRules,
): Promise<Target[]> {
  const list = new TargetList(rules);
  for (const word of words) list.add(word, (message) => new UsageError(message));
  if (file !== undefined) await readFile(file, list);
  if (list.targets.length > 0) return list.targets;
  if (file !== undefined)
    throw new LoadError("ERR_LOAD_QUERIES", `${file}: expected a target at least, got none`, file);
  throw new UsageError("expected targets, got none: anyprobe watch 192.0.2.53 198.51.100.0/24, or --targets FILE");
}

async function readFile(path: string, list: TargetList): Promise<void> {
  const input = await openInput(path);
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (let piece = await input.read(); piece; piece = await input.read())
      text += decoder.decode(piece, { stream: true });
  } finally {
    await input.close();
  }
  for (const [index, line] of text.split("\n").entries()) {
    const word = line.replace(/[#;].*/, "").trim();
    if (word === "") continue;
    const at = `${input.name}:${index + 1}`;
    list.add(word, (message) => new LoadError("ERR_LOAD_QUERIES", `${at}: ${message}`, input.name, index + 1));
  }
}

/** TargetList takes words, and has their targets without repetition. */
class TargetList {
  readonly targets: Target[] = [];
  readonly #rules: TargetRules;
  readonly #known = new Set<string>();

  constructor(rules: TargetRules) {
    this.#rules = rules;
  }

  add(word: string, fault: (message: string) => Error): void {
    const network = /^([^/]+)\/(\d{1,3})$/.exec(word);
    const [address, port] = network ? [network[1]!, this.#rules.port] : this.#endpoint(word, fault);
    let octets: Uint8Array;
    try {
      octets = addressBytes(address);
    } catch {
      throw fault(
        `expected an address as 192.0.2.53, [2001:db8::53]:5353 or 192.0.2.0/24, got "${word}"; names are not looked up, for one name can be many servers`,
      );
    }
    const bits = octets.length * 8;
    const length = network ? Number(network[2]) : bits;
    if (length > bits) throw fault(`expected a prefix length of 0-${bits}, got "${word}"`);
    this.#expectRoom(word, bits - length, fault);
    const first = network ? (numberOf(octets) >> BigInt(bits - length)) << BigInt(bits - length) : 0n;
    for (let i = 0; i < 2 ** (bits - length); i++)
      this.#push({ address: network ? textOf(first + BigInt(i), bits) : address, port });
  }

  #endpoint(word: string, fault: (message: string) => Error): [address: string, port: number] {
    const match = /^\[([^\]]+)\](?::(\d+))?$/.exec(word) ?? /^([^:]+):(\d+)$/.exec(word);
    if (!match) return [word, this.#rules.port];
    const port = match[2] === undefined ? this.#rules.port : Number(match[2]);
    if (port < 1 || port > 65_535) throw fault(`expected a port of 1-65535, got "${word}"`);
    return [match[1]!, port];
  }

  #expectRoom(word: string, hostBits: number, fault: (message: string) => Error): void {
    const { most } = this.#rules;
    const count = this.targets.length + 2 ** hostBits;
    if (count <= most) return;
    const way = count <= mostTargets ? "--max-targets allows more" : `${mostTargets} is the most of one watch`;
    throw fault(`expected ${most} targets at most, got ${count.toLocaleString("en")} with "${word}"; ${way}`);
  }

  #push(target: Target) {
    const key = `${target.address} ${target.port}`;
    if (this.#known.has(key)) return;
    this.#known.add(key);
    this.targets.push(target);
  }
}

function numberOf(octets: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(octets).toString("hex")}`);
}

function textOf(number: bigint, bits: number): string {
  const hex = number.toString(16).padStart(bits / 4, "0");
  if (bits === 32) return [0, 2, 4, 6].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join(".");
  const groups = hex.match(/.{4}/g)!.map((group) => group.replace(/^0{1,3}/, ""));
  return canonicalAddress(groups.join(":"));
}
