// anyprobe check: one look at a DNS server for a monitoring system that speaks Nagios. The options are check_dig's.
import { Command, InvalidArgumentError, Option } from "commander";
import { parseDurationMs } from "../units.js";
import * as read from "./bench-option.js";
import { examples } from "./example.js";

/** CheckFlags is the command line as commander gives it. */
export interface CheckFlags {
  readonly hostname?: string;
  readonly port: number;
  readonly query_address: string;
  readonly record_type: string;
  readonly expected_address?: readonly string[];
  readonly requireFlags: readonly Flag[];
  readonly expectRcode?: string;
  readonly expectNsid?: string;
  readonly warning?: number;
  readonly critical?: number;
  readonly timeout: number;
  readonly count: number;
  readonly interval: number;
  readonly source: readonly string[];
  readonly edns: number;
  readonly dnssec?: true;
  readonly ecs?: string;
  readonly recursion: boolean;
}

const flags = ["aa", "ra", "ad", "tc"] as const;
type Flag = (typeof flags)[number];

export function checkVerb(): Command {
  return new Command("check")
    .description("look at a DNS server once, and tell it as a Nagios plugin does; the options are check_dig's")
    .argument("[target]", "the server's address (or -H)")
    .addOption(new Option("-H, --hostname <address>", "the server's address").argParser(read.address))
    .addOption(option("-p, --port <number>", "its UDP port", 53).argParser(read.count(1, 65_535)))
    .addOption(option("-l, --query_address <name>", "the name to ask for", "."))
    .addOption(option("-T, --record_type <type>", "the type to ask for", "A", "A; NS for the root"))
    .option("-a, --expected_address <text>", "an answer that must come, and no other; may be repeated", repeated)
    .addOption(
      option("-E, --require-flags <flags>", "header flags that must be set: aa,ad,ra,tc", [], "none").argParser(
        flagsOf,
      ),
    )
    .option("--expect-rcode <rcode>", "the rcode (default: NOERROR)")
    .option("--expect-nsid <text>", "the NSID")
    .addOption(new Option("-w, --warning <time>", "WARNING above this p99: 0.005 (seconds) or 5ms").argParser(time))
    .addOption(new Option("-c, --critical <time>", "CRITICAL above this p99").argParser(time))
    .addOption(option("-t, --timeout <time>", "an answer after this is none", 2000, "2s").argParser(time))
    .addOption(option("-n, --count <count>", "so many probes", 3).argParser(read.count(1, 1000)))
    .addOption(option("--interval <time>", "the time between two of them", 100, "100ms").argParser(time))
    .addOption(
      option("--source <addresses>", "the source address", [], "the kernel's choice").argParser(read.addresses),
    )
    .addOption(
      option("-e, --edns [octets]", "the EDNS UDP size; 0: no EDNS, and no NSID", 1232)
        .preset(1232)
        .argParser(read.count(0, 65_535)),
    )
    .option("-D, --dnssec", "set the DNSSEC OK bit")
    .option("--ecs <subnet>", "send this client subnet, as 198.51.100.0/24")
    .option("--no-recursion", "do not ask for recursion")
    .addHelpText(
      "after",
      examples(
        "anyprobe check 192.0.2.53 -l www.example.com -w 5ms -c 20ms",
        "anyprobe check -H 192.0.2.53 -l example.com -T SOA -E aa -t 1",
        "anyprobe check 192.0.2.53 -l id.example.com -a 198.51.100.80 --expect-nsid fra1",
      ),
    )
    .action(async (target: string | undefined, given: CheckFlags) => {
      const { runCheck } = await import("./check-run.js");
      await runCheck(target, given);
    });
}

function option<T>(words: string, what: string, value: T, shown = String(value)): Option {
  return new Option(words, what).default(value, shown);
}

function repeated(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** A number is of seconds, as check_dig has it. */
function time(text: string): number {
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : (parseDurationMs(text) ?? 0);
  if (ms > 0) return ms;
  throw new InvalidArgumentError(`expected seconds as 0.005, or a duration as 5ms, got "${text}"`);
}

function flagsOf(text: string): readonly Flag[] {
  return text.split(",").map((word) => {
    const flag = flags.find((flag) => flag === word.toLowerCase());
    if (!flag) throw new InvalidArgumentError(`expected some of ${flags.join(",")}, got "${word}"`);
    return flag;
  });
}
