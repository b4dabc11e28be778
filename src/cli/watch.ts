// anyprobe watch: many targets at once, seen live. It is built on the library's face (../index.js) and nothing below it.
import { Command, InvalidArgumentError, Option } from "commander";
import { type Place, parsePlace } from "../serve/listen.js";
import { parseDurationMs } from "../units.js";
import * as read from "./bench-option.js";
import { examples } from "./example.js";

/** WatchFlags is the command line as commander gives it. */
export interface WatchFlags {
  readonly targets?: string;
  readonly port: number;
  readonly maxTargets: number;
  readonly query: string;
  readonly edns: number;
  readonly dnssec?: true;
  readonly ecs?: string;
  readonly recursion: boolean;
  readonly chaos: boolean;
  readonly expectRcode?: string;
  readonly expectAnswer?: readonly string[];
  readonly expectNsid?: string;
  readonly maxRtt?: number;
  readonly interval?: number;
  readonly rate?: number;
  readonly timeout: number;
  readonly source: readonly string[];
  readonly shards: number;
  readonly rise: number;
  readonly fall: number;
  readonly for?: number;
  readonly count?: number;
  readonly once?: true;
  readonly quorum?: Quorum;
  readonly report: number;
  readonly json?: true;
  /** Undefined: each target is asked as one, whatever its paths. */
  readonly paths?: number;
  readonly tries?: number;
  readonly sweep?: number;
  readonly firstPort?: number;
  readonly listen?: Place;
  readonly tokenFile?: string;
  readonly textfile?: string;
  readonly metricsHistograms?: true;
}

/** Quorum is how many targets must answer: a number of them, or a share of 0-1. */
export type Quorum = { readonly count: number } | { readonly share: number };

/** Options that have no meaning with --paths. */
const notOfPaths: (keyof WatchFlags)[] = [
  ...(["expectRcode", "expectAnswer", "expectNsid", "maxRtt", "chaos"] as const),
  ...(["interval", "rate", "count", "quorum", "shards", "rise", "fall", "listen", "textfile"] as const),
];

export function watchVerb(): Command {
  return new Command("watch")
    .description("watch many targets: who answers, how fast, how much is lost; live on a terminal, NDJSON in a pipe")
    .argument("[targets...]", "addresses as 192.0.2.53 or [2001:db8::53]:5353, and networks as 198.51.100.0/24")
    .option("--targets <file>", "more of them, one a line; # and ; begin comments; - is stdin")
    .addOption(option("-p, --port <number>", "the UDP port where none is given", 53).argParser(read.count(1, 65_535)))
    .addOption(option("--max-targets <count>", "refuse more", 65_536).argParser(read.count(1, 2 ** 20)))
    .optionsGroup("What is asked:")
    .option("--query <name/type>", "the question, as www.example.com/A", "./NS")
    .addOption(
      option("-e, --edns [octets]", "the EDNS UDP size; 0: no EDNS, and no NSID", 1232)
        .preset(1232)
        .argParser(read.count(0, 65_535)),
    )
    .option("-D, --dnssec", "set the DNSSEC OK bit")
    .option("--ecs <subnet>", "send this client subnet, as 198.51.100.0/24")
    .option("--no-recursion", "do not ask for recursion")
    .option("--no-chaos", "do not ask targets without an NSID for id.server, hostname.bind and version.bind")
    .optionsGroup("What is expected:")
    .option("--expect-rcode <rcode>", "the rcode (default: NOERROR)")
    .option("--expect-answer <text>", "an answer that must come, and no other; may be repeated", repeated)
    .option("--expect-nsid <text>", "the NSID")
    .addOption(new Option("--max-rtt <duration>", "an answer that takes longer is wrong").argParser(duration))
    .optionsGroup("How it is asked:")
    .addOption(new Option("--interval <duration>", "each target once in this (default: 1s)").argParser(duration))
    .addOption(
      new Option("--rate <qps>", "so many probes a second to all of them together: 50k")
        .argParser(read.rate)
        .conflicts("interval"),
    )
    .addOption(option("-t, --timeout <duration>", "an answer after this is none", 1000, "1s").argParser(duration))
    .addOption(
      option("-a, --source <addresses>", "source addresses, one a family: A,B", [], "the kernel's choice").argParser(
        read.addresses,
      ),
    )
    .addOption(option("-T, --shards <count>", "threads that send", 1).argParser(read.count(1, 255)))
    .addOption(option("--rise <count>", "passes in a row that bring a target up", 3).argParser(read.count(1, 1e6)))
    .addOption(option("--fall <count>", "failures in a row that bring it down", 3).argParser(read.count(1, 1e6)))
    .optionsGroup("Paths of an ECMP network:")
    .addOption(
      new Option(
        "--paths <count>",
        "sweep so many paths to each target, a source port each: who answers, which are lost",
      )
        .argParser(read.count(2, 1024))
        .conflicts(notOfPaths),
    )
    .addOption(
      new Option("--tries <count>", "a sweep asks each path so often (default: 3)").argParser(read.count(1, 1000)),
    )
    .addOption(
      new Option("--sweep <duration>", "a sweep takes so long, and the next follows (default: 2s)").argParser(duration),
    )
    .addOption(
      new Option("--first-port <number>", "the first source port; needs CAP_NET_RAW (default: any)").argParser(
        read.count(1, 65_535),
      ),
    )
    .optionsGroup("How long, and what comes out:")
    .addOption(new Option("--for <duration>", "end after this").argParser(duration))
    .addOption(new Option("-c, --count <count>", "end when each was asked so often").argParser(read.count(1, 1e6)))
    .option("--once", "ask each a few times (-c, default 3), print a line for each, and end by the quorum")
    .addOption(
      new Option(
        "--quorum <share>",
        "with --once: so many targets must answer well: 50% or 3 (default: 100%)",
      ).argParser(quorum),
    )
    .addOption(option("--report <duration>", "in a pipe: a summary that often", 10_000, "10s").argParser(duration))
    .option("--json", "NDJSON on a terminal too, and with it a record of each target at the end")
    .optionsGroup("What others see:")
    .addOption(
      new Option(
        "--listen <place>",
        "where HTTP listens for /metrics and the status page, as 127.0.0.1:9353",
      ).argParser(place),
    )
    .option("--token-file <file>", "the token that HTTP asks for; without, it listens for this host alone")
    .option("--textfile <file>", "write the metrics there for node_exporter, as …/anyprobe.prom")
    .option("--metrics-histograms", "a histogram of each target in the metrics, not its quantiles alone")
    .addHelpText(
      "after",
      examples(
        "anyprobe watch 192.0.2.53 198.51.100.53 2001:db8::53",
        "anyprobe watch 198.18.0.0/20 --query health.example.com/A --interval 5s",
        "anyprobe watch --targets addresses.txt --rate 10k --for 10m --json > watch.ndjson",
        "anyprobe watch 192.0.2.0/28 --once --quorum 50%",
        "anyprobe watch 192.0.2.53 --paths 16 --once",
      ),
    )
    .action(async (words: readonly string[], flags: WatchFlags) => {
      const { runWatch } = await import("./watch-run.js");
      await runWatch(words, flags);
    });
}

function option<T>(flags: string, what: string, value: T, shown = String(value)): Option {
  return new Option(flags, what).default(value, shown);
}

function repeated(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

function duration(text: string): number {
  const ms = parseDurationMs(text) ?? 0;
  if (ms > 0) return ms;
  throw new InvalidArgumentError(`expected a duration as 250ms or 10s, got "${text}"`);
}

function place(text: string): Place {
  const read = parsePlace(text);
  if (read) return read;
  throw new InvalidArgumentError(`expected an address and a port as 127.0.0.1:9353 or [::1]:9353, got "${text}"`);
}

function quorum(text: string): Quorum {
  const share = Number(/^(\d+(?:\.\d+)?)%$/.exec(text)?.[1]) / 100;
  if (share >= 0 && share <= 1) return { share };
  if (/^\d+$/.test(text)) return { count: Number(text) };
  throw new InvalidArgumentError(`expected a share as 50% or a number of targets, got "${text}"`);
}
