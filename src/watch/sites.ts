// The sites that have answered, each known by a number: what a server says of itself, and where it said it.

/** SiteSource is where a server's name for itself was read: an NSID (RFC 5001), or the text of one of these CHAOS names. */
export type SiteSource = (typeof siteSources)[number];
export const siteSources = ["nsid", "id.server", "hostname.bind", "version.bind"] as const;

/** No answer has told a site yet. */
export const noSite = 0;
/** The network may send whatever it likes: so many different sites are told apart, all others are one. */
const mostSites = 65_536;
const others = 1;

/** Sites numbers what servers call themselves. */
export class Sites {
  readonly #names: string[] = ["", "(others)"];
  readonly #octets: Uint8Array[] = [new Uint8Array(), new Uint8Array()];
  readonly #sources: SiteSource[] = ["nsid", "nsid"];
  readonly #numbers = new Map<string, number>();

  /** name gives a site's name: printable ASCII as it is, other octets in hex; undefined for noSite. */
  name(site: number): string | undefined {
    return site === noSite ? undefined : this.#names[site];
  }

  /** source tells where it was read; undefined for noSite. */
  source(site: number): SiteSource | undefined {
    return site === noSite ? undefined : this.#sources[site];
  }

  /** is tells whether a site calls itself so; it makes nothing. */
  is(site: number, source: SiteSource, bytes: Uint8Array, at: number, length: number): boolean {
    const octets = this.#octets[site]!;
    if (octets.length !== length || this.#sources[site] !== source) return false;
    for (let i = 0; i < length; i++) if (octets[i] !== bytes[at + i]) return false;
    return true;
  }

  /** number gives the number of the site that calls itself so in `length` octets, at least one. */
  number(source: SiteSource, bytes: Uint8Array, at: number, length: number): number {
    const octets = Uint8Array.from(bytes.subarray(at, at + length));
    const text = Buffer.from(octets).toString("latin1");
    const key = `${source} ${text}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#names.length;
    if (number >= mostSites) return others;
    this.#names.push(/^[\x20-\x7e]*$/.test(text) ? text : Buffer.from(octets).toString("hex"));
    this.#octets.push(octets);
    this.#sources.push(source);
    this.#numbers.set(key, number);
    return number;
  }
}
