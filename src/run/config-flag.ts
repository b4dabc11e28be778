// The file-free form: options of `anyprobe run` as the same tree of keys that a file gives, so that both pass one schema.

/** Flags are the options of the file-free form as they were typed. */
export interface Flags {
  readonly anycast: readonly string[];
  readonly query: readonly string[];
  readonly expectAnswer?: readonly string[];
  readonly driver?: readonly string[];
  readonly port?: string;
  readonly interval?: string;
  readonly fastInterval?: string;
  readonly timeout?: string;
  readonly rise?: string;
  readonly fall?: string;
  readonly stableFor?: string;
  readonly device?: string;
  readonly label?: string;
  readonly recovery?: string;
  readonly alias?: readonly string[];
  readonly lease?: string;
  readonly guard?: string;
  readonly damping?: string;
  readonly source?: string;
  readonly control?: string;
  readonly state?: string;
  readonly hints?: boolean;
  readonly minGap?: string;
  readonly announceGap?: string;
  readonly logLevel?: string;
  readonly listen?: string;
  readonly tokenFile?: string;
  readonly textfile?: string;
}

const serviceName = "anycast";

/** valueOfFlags gives the tree that a file with the same meaning would have. */
export function valueOfFlags(flags: Flags): unknown {
  const expect = given({ answers: flags.expectAnswer });
  const checks = flags.query.map((query) => ({
    dns: given({ ...question(query), port: number(flags.port) }),
    expect,
    ...given({
      interval: flags.interval,
      fast_interval: flags.fastInterval,
      timeout: flags.timeout,
      rise: number(flags.rise),
      fall: number(flags.fall),
      stable_for: flags.stableFor,
    }),
  }));
  const { device, label, recovery, alias, lease } = flags;
  const route = (flags.driver ?? ["address"]).map((driver) => {
    if (driver === "address") return { address: given({ device, label, recovery, alias, lease }) };
    return driver === "ifupdown" ? { ifupdown: given({ recovery, alias }) } : driver;
  });
  const policy = given({ guard: noneOr("others", number(flags.guard)), damping: noneOr("hold_down", flags.damping) });
  return {
    ...given({
      source: flags.source,
      control: flags.control,
      state: flags.state,
      hints: flags.hints,
      min_gap: flags.minGap,
      announce_gap: flags.announceGap,
      log_level: flags.logLevel,
      listen: flags.listen,
      token_file: flags.tokenFile,
      textfile: flags.textfile,
    }),
    services: { [serviceName]: { prefixes: flags.anycast.map(hostPrefixOf), checks, route, ...policy } },
  };
}

/** flagOf names the option that a path of that tree came from. */
export function flagOf(path: readonly PropertyKey[]): string {
  const keys = path.filter((key) => typeof key === "string");
  const [first = "", , list = "", key = "", inner = ""] = keys;
  if (first !== "services") return `--${first.replaceAll("_", "-")}`;
  if (list === "prefixes") return "--anycast";
  if (list === "guard" || list === "damping") return `--${list}`;
  if (list === "route") return inner === "" ? "--driver" : `--${inner}`;
  if (key === "dns") return inner === "port" ? "--port" : "--query";
  if (key === "expect") return "--expect-answer";
  return key === "" ? "--query" : `--${key.replaceAll("_", "-")}`;
}

/** `health.example.com/A`; without a slash the schema's default type holds. */
function question(text: string): { name: string; type?: string } {
  const slash = text.lastIndexOf("/");
  return slash < 0 ? { name: text } : { name: text.slice(0, slash), type: text.slice(slash + 1) };
}

/** A bare address is enough on the command line. */
function hostPrefixOf(text: string): string {
  if (text.includes("/")) return text;
  return `${text}/${text.includes(":") ? 128 : 32}`;
}

/** The word none, or the one number that is usually changed. */
function noneOr(key: string, value: number | string | undefined) {
  return value === undefined || value === "none" ? value : { [key]: value };
}

/** What is no number stays text, so that the schema can show what was typed. */
function number(text: string | undefined): number | string | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : text;
}

function given(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
