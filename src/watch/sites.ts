// The sites that have answered, each known by a number: what a server says of itself, as an NSID or the text of id.server.

/** No answer has told a site yet. */
export const noSite = 0;
/** The network may send whatever it likes: so many different sites are told apart, all others are one. */
const mostSites = 65_536;
const others = 1;

/** Sites numbers what servers call themselves. */
export class Sites {
  readonly #names: string[] = ["", "(others)"];
  readonly #octets: Uint8Array[] = [new Uint8Array(), new Uint8Array()];
  readonly #numbers = new Map<string, number>();

  /** name gives a site's name: printable ASCII as it is, other octets in hex; undefined for noSite. */
  name(site: number): string | undefined {
    return site === noSite ? undefined : this.#names[site];
  }

  /** is tells whether a site calls itself so; it makes nothing. */
  is(site: number, bytes: Uint8Array, at: number, length: number): boolean {
    const octets = this.#octets[site]!;
    if (octets.length !== length) return false;
    for (let i = 0; i < length; i++) if (octets[i] !== bytes[at + i]) return false;
    return true;
  }

  /** number gives the number of the site that calls itself so in `length` octets, at least one. */
  number(bytes: Uint8Array, at: number, length: number): number {
    const octets = Uint8Array.from(bytes.subarray(at, at + length));
    const text = Buffer.from(octets).toString("latin1");
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#names.length;
    if (number >= mostSites) return others;
    this.#names.push(/^[\x20-\x7e]*$/.test(text) ? text : Buffer.from(octets).toString("hex"));
    this.#octets.push(octets);
    this.#numbers.set(text, number);
    return number;
  }
}
