// A protocol of BIRD that feeds the one that announces, as a `protocol static` or `protocol direct`: on, or off. BIRD forgets
// `disable` when it is configured or started again.
import { askBird } from "./bird-control.js";
import { type BirdMeans, stubRefusal, unsupported } from "./bird-means.js";
import { type BirdSight, exportedAs } from "./bird-sight.js";
import type { BirdProtocol } from "./bird-state.js";
import { type Announcement, isRung } from "./driver.js";
import type { Prefix } from "./prefix.js";

/** Kinds that bring routes and nothing else: to disable any other takes sessions, or the routes of others, along. */
const feeding = ["Static", "Direct"];

/** BirdFeed is one such protocol. */
export class BirdFeed implements BirdMeans {
  readonly way: string;
  readonly somebody = "an operator at BIRD";
  readonly lasts = false;
  readonly apart = false;
  readonly undo: { readonly protocol: string };
  readonly #name: string;
  readonly #ask: (command: string) => Promise<unknown>;
  #state: string | undefined;
  #trouble: string | undefined;
  /** What it fed when it last was up; undefined where that was never seen. */
  #fed: readonly string[] | undefined;

  constructor(protocol: string, control: { readonly socket: string; readonly timeoutMs: number }) {
    this.#name = protocol;
    this.#ask = (command) => askBird(control.socket, [command], control.timeoutMs);
    this.way = `protocol ${protocol}`;
    this.undo = { protocol };
  }

  questions(protocols: readonly BirdProtocol[]): readonly string[] {
    const mine = protocols.find(({ name }) => name === this.#name);
    this.#state = mine?.state;
    this.#trouble = troubleOf(this.#name, mine);
    return this.#trouble === undefined && mine?.state === "up" ? [`show route protocol ${this.#name}`] : [];
  }

  async look([routes]: readonly string[]): Promise<void> {
    if (routes !== undefined) this.#fed = [...routes.matchAll(/^([\da-f.:]+\/\d+)\s/gm)].map(([, prefix]) => prefix!);
  }

  lets(): boolean | undefined {
    return this.#trouble === undefined ? this.#state === "up" : undefined;
  }

  remark(prefix: Prefix, sight: BirdSight): string | undefined {
    if (this.#trouble !== undefined) return this.#trouble;
    const exported = exportedAs(sight, prefix) !== "withdrawn";
    if (exported === this.lets()) return undefined;
    return exported
      ? `protocol ${this.#name} is disabled, and BIRD exports ${prefix} all the same: another protocol brings it too`
      : `protocol ${this.#name} is up, and BIRD does not export ${prefix}: it has no such route, or its export filter rejects it`;
  }

  noRung(): string {
    return `protocol ${this.#name} is on or off: a file with sets of prefixes has rungs (docs/routers/bird.md)`;
  }

  refusal(
    prefix: Prefix,
    to: Announcement,
    sight: BirdSight,
    prefixes: readonly Prefix[],
    wanted: ReadonlyMap<Prefix, Announcement>,
  ): string | undefined {
    if (this.#trouble !== undefined) return this.#trouble;
    if (isRung(to)) return this.noRung();
    const away = to === "withdrawn";
    // What was away already may never have been told: to come back it has to be.
    const untold = away || this.#state === "up" ? [] : mayBring(prefixes, sight);
    const withheld = (fed: Prefix) => wanted.get(fed) === "withdrawn" || untold.includes(fed);
    const along =
      (this.#fed as readonly Prefix[] | undefined)?.filter(
        (fed) => !prefixes.includes(fed) && away !== withheld(fed),
      ) ?? untold;
    if (along.length > 0) {
      const [command, verb] = away ? ["disable", "take"] : ["enable", "announce"];
      return (
        `\`${command} ${this.#name}\` would ${verb} ${along.join(", ")} along with ${prefix}: give ${prefix} a protocol of ` +
        "its own in bird.conf, or a file with a set of prefixes"
      );
    }
    if (away && this.#fed !== undefined && !this.#fed.includes(prefix))
      return `protocol ${this.#name} does not bring ${prefix}: name the one that does`;
    return away ? stubRefusal(prefix, sight) : undefined;
  }

  async move(prefixes: readonly Prefix[], to: Announcement): Promise<void> {
    if (this.#trouble !== undefined) throw unsupported(this.#trouble, prefixes);
    await this.#ask(`${to === "withdrawn" ? "disable" : "enable"} ${this.#name}`);
  }
}

/** A protocol that was never seen up may bring all that is away. */
function mayBring(prefixes: readonly Prefix[], { rivals, own }: BirdSight): readonly Prefix[] {
  return [...rivals.keys()].filter((prefix) => !prefixes.includes(prefix) && !own.has(prefix));
}

function troubleOf(name: string, protocol: BirdProtocol | undefined): string | undefined {
  if (protocol === undefined) return `BIRD has no protocol ${name}: name one that feeds OSPF, as a \`protocol static\``;
  return feeding.includes(protocol.kind)
    ? undefined
    : `expected a \`protocol static\` or \`protocol direct\` that feeds OSPF, got ${name}, which is ${protocol.kind}`;
}
