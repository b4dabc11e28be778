// anyprobe bench: how much a DNS or UDP service holds, told truthfully.
import { Command, Option } from "commander";
import type { Work } from "../load/bench.js";
import { benchCompareVerb } from "./bench-compare.js";
import * as read from "./bench-option.js";
import { defaultControl } from "./control-option.js";
import { examples } from "./example.js";
import { UsageError } from "./exit.js";

/** BenchFlags is the command line as commander gives it. */
export interface BenchFlags {
  readonly server?: string;
  readonly port: number;
  readonly search?: true;
  readonly rate?: number;
  readonly ramp?: readonly [number, number];
  readonly steps?: readonly number[];
  readonly closed?: number;
  readonly pcap?: string;
  readonly speed: number;
  readonly capturePort: number;
  readonly slo: string;
  readonly time?: number;
  readonly resolution: number;
  readonly within: number;
  readonly from: number;
  readonly maxRate: number;
  readonly queries?: string;
  readonly wire?: true;
  readonly once?: true;
  readonly query?: string;
  readonly mix: "hit" | "miss";
  readonly names: number;
  readonly payload?: string;
  readonly idAt?: number;
  readonly edns: number;
  readonly dnssec?: true;
  readonly nsid?: true;
  readonly cookie?: true;
  readonly ecs?: string;
  readonly recursion: boolean;
  readonly source: readonly string[];
  readonly ports: number;
  readonly timeout: number;
  readonly train: number;
  readonly arrivals: "constant" | "poisson";
  readonly shards: number;
  readonly cpus: readonly number[];
  readonly calibrate?: boolean;
  readonly guard?: string | true;
  readonly control: string;
  readonly force?: true;
  readonly stats: number;
  readonly json?: true;
  readonly output?: string;
  readonly html?: string;
  readonly csv?: string;
  readonly hgrm?: string;
}

export function benchVerb(): Command {
  const verb = new Command("bench")
    .description("find the highest rate at which a service holds an objective, or measure it at the rates given")
    .argument("[target]", "the server's address (or -s)")
    .addOption(new Option("-s, --server <address>", "the same, as dnsperf has it").argParser(read.address))
    .addOption(option("-p, --port <number>", "the server's UDP port", 53).argParser(read.count(1, 65535)))
    .optionsGroup("What to find out (--search unless another is given):")
    .option("--search", "the highest rate that holds the objective")
    .addOption(new Option("-Q, --rate <qps>", "one trial at this rate, whatever comes back: 50k").argParser(read.rate))
    .addOption(new Option("--ramp <from:to>", "one trial with the rate rising evenly").argParser(read.ramp))
    .addOption(new Option("--steps <rates>", "one trial at each rate: 10k,20k,50k or FROM:TO:BY").argParser(read.rates))
    .addOption(
      new Option("-q, --closed <count>", "so many in flight at any time, as dnsperf does; for comparison").argParser(
        read.count(1, 2 ** 20),
      ),
    )
    .option("--pcap <file>", "replay the DNS queries of a capture at their own times; needs tcpdump")
    .addOption(option("--speed <factor>", "replay so many times as fast", 1).argParser(read.factor))
    .addOption(
      option("--capture-port <number>", "the port that the capture's queries went to", 53).argParser(
        read.count(1, 65_535),
      ),
    )
    .optionsGroup("How it is judged:")
    .addOption(
      option(
        "--slo <limits>",
        "the objective, as p99<5ms,loss<0.1%,servfail<0.1%; none: none",
        "loss<0.1%,failure<0.1%",
      ).argParser(read.objective),
    )
    .addOption(
      new Option("-l, --time <seconds>", "how long a trial is, in a search the last ones (default: 20)").argParser(
        read.seconds,
      ),
    )
    .addOption(option("--resolution <percent>", "how close the search comes", 0.01, "1%").argParser(read.percent))
    .addOption(option("--within <duration>", "how long the search may take", 300, "5m").argParser(read.seconds))
    .addOption(option("--from <qps>", "the search's first rate", 1000).argParser(read.rate))
    .addOption(option("--max-rate <qps>", "no trial of the search offers more", 100e6, "100M").argParser(read.rate))
    .optionsGroup("What is asked:")
    .option("-d, --queries <file>", "dnsperf's query file: NAME TYPE a line; - is stdin")
    .option("-B, --wire", "the query file has DNS messages, each after its length in two octets")
    .option("--once", "end with the query file, and do not begin again")
    .option("--query <name/type>", "one question, as www.example.com/A")
    .addOption(
      option(
        "--mix <kind>",
        "that question (cache hits), or one below a random label each time (cache misses)",
        "hit",
      ).choices(["hit", "miss"]),
    )
    .addOption(
      option("--names <count>", "cache hits: so many names below it, h1 to hN", 1).argParser(read.count(1, 65_536)),
    )
    .option("--payload <hex>", "plain UDP: this payload instead of DNS")
    .addOption(
      new Option("--id-at <offset>", "plain UDP: where two octets of random id stand").argParser(read.count(0, 65505)),
    )
    .addOption(
      option("-e, --edns [octets]", "the EDNS UDP size; 0: no EDNS", 1232).preset(1232).argParser(read.count(0, 65535)),
    )
    .option("-D, --dnssec", "set the DNSSEC OK bit")
    .option("--nsid", "ask for the server's NSID")
    .option("--cookie", "send a DNS cookie")
    .option("--ecs <subnet>", "send this client subnet, as 198.51.100.0/24")
    .option("--no-recursion", "do not ask for recursion")
    .optionsGroup("How it is sent:")
    .addOption(
      option(
        "-a, --source <addresses>",
        "source addresses to take turns on: A,B; may be repeated",
        [],
        "the kernel's choice",
      ).argParser(read.addresses),
    )
    .addOption(option("-c, --ports <count>", "source ports to take turns on", 64).argParser(read.count(1, 1024)))
    .addOption(option("-t, --timeout <seconds>", "an answer after this is none", 1).argParser(read.seconds))
    .addOption(
      option("--train <count>", "queries in one send at most; 1: each by itself", 64).argParser(read.count(1, 128)),
    )
    .addOption(option("--arrivals <kind>", "the gaps between queries", "constant").choices(["constant", "poisson"]))
    .addOption(option("-T, --shards <count>", "threads that send", 1).argParser(read.count(1, 255)))
    .addOption(
      option("--cpus <list>", "the CPUs of these threads: 0,1", [], "the kernel's choice").argParser(read.cpus),
    )
    .optionsGroup("Safety and truth:")
    .option("--calibrate", "measure this host's own ceiling anew, though it is known")
    .option("--no-calibrate", "do not measure it")
    .option(
      "--guard [name/type]",
      "ask this (or the first question) beside the load, and stop when 3 probes in a row fail",
    )
    .addOption(
      option(
        "--control <path>",
        "the socket of a daemon of this host, which is asked what it announces",
        defaultControl,
      ),
    )
    .option("--force", "load an address that this host announces")
    .optionsGroup("Output:")
    .addOption(
      option("-S, --stats <seconds>", "progress that often, where stderr is no terminal", 5).argParser(read.seconds),
    )
    .option("--json", "print the records, one JSON object a line")
    .option("-o, --output <file>", "write the records there, for compare and plan")
    .option("--html <file>", "write a page with plots")
    .option("--csv <file>", "write a line for each trial")
    .option("--hgrm <file>", "write the percentiles as HdrHistogram does")
    .addHelpText(
      "after",
      examples(
        "anyprobe bench 192.0.2.53 --query www.example.com/A",
        "anyprobe bench 192.0.2.53 -d queries.txt --slo 'p99<5ms,loss<0.1%' --html report.html -o report.json",
        "anyprobe bench -s 192.0.2.53 -d queries.txt -Q 50k -l 60",
        "anyprobe bench 192.0.2.53 --query example.com/A --mix miss --ramp 1k:200k -l 60",
        "anyprobe bench compare before.json after.json",
      ),
    )
    .action(async (target: string | undefined, flags: BenchFlags) => {
      const { runBench } = await import("./bench-run.js");
      await runBench(addressOf(target, flags), flags);
    });
  verb.addCommand(benchCompareVerb());
  return verb;
}

function option<T>(flags: string, what: string, value: T, shown = String(value)): Option {
  return new Option(flags, what).default(value, shown);
}

function addressOf(target: string | undefined, { server }: BenchFlags): string {
  if (target !== undefined && server !== undefined && target !== server)
    throw new UsageError(`expected the target once, got ${target} and -s ${server}`);
  const given = target ?? server;
  if (given === undefined)
    throw new UsageError("expected the address of the target, got none: anyprobe bench 192.0.2.53 …");
  try {
    return read.address(given);
  } catch (error) {
    throw new UsageError(`target: ${(error as Error).message}`);
  }
}

/** The modes exclude each other. */
const modes = ["search", "rate", "ramp", "steps", "closed", "pcap"] as const;
const defaultSeconds = 20;

/** workOf tells what is to be found out; a UsageError where the options do not agree. */
export function workOf(flags: BenchFlags): Work {
  const given = modes.filter((mode) => flags[mode] !== undefined);
  if (given.length > 1) throw new UsageError(`expected one of --${given.join(", --")}, got ${given.length}`);
  const seconds = flags.time ?? defaultSeconds;
  const { rate: rateQps, ramp, steps, closed, pcap } = flags;
  if (rateQps !== undefined) return { mode: "rate", offers: [{ kind: "rate", rateQps, seconds }] };
  if (ramp) return { mode: "ramp", offers: [{ kind: "ramp", fromQps: ramp[0], toQps: ramp[1], seconds }] };
  if (steps) return { mode: "steps", offers: steps.map((rateQps) => ({ kind: "rate", rateQps, seconds })) };
  if (closed !== undefined) return { mode: "closed", offers: [{ kind: "closed", inflight: closed, seconds }] };
  if (pcap !== undefined) return { mode: "replay", offers: [{ kind: "replay" }] };
  if (flags.slo === "none") throw new UsageError("expected an objective for a search, got --slo none");
  const { from: fromQps, maxRate: maxQps, resolution, within: withinSeconds } = flags;
  if (fromQps > maxQps) throw new UsageError(`expected --from at most --max-rate ${maxQps}, got ${fromQps}`);
  return { mode: "search", goal: { fromQps, maxQps, resolution, finalSeconds: seconds, withinSeconds } };
}
