// HTML from templates in which everything is text unless it is markup itself: what somebody else chose (a query, a host name) cannot
// become an element, an attribute or a script.

/** Markup is HTML that may be written as it is. */
export class Markup {
  constructor(readonly html: string) {}
}

/** Part is what a template may hold; null and undefined are nothing. */
export type Part = Markup | string | number | null | undefined | readonly Part[];

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** html is a template's tag: html`<p>${text}</p>`. Attributes must be quoted. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(strings.map((text, i) => text + (i < parts.length ? written(parts[i]) : "")).join(""));
}

function written(part: Part): string {
  if (part === null || part === undefined) return "";
  if (part instanceof Markup) return part.html;
  if (Array.isArray(part)) return part.map(written).join("");
  // Control characters mean nothing in a page, and those that turn the direction of text could make it read otherwise.
  return String(part)
    .replaceAll(/[&<>"']/g, (character) => entities[character]!)
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

/** jsonFor writes a value for a data block: nothing in it can end the element, or begin a comment. */
export function jsonFor(value: unknown): Markup {
  const escaped: Readonly<Record<string, string>> = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
  };
  return new Markup(JSON.stringify(value).replaceAll(/[<>&\u2028\u2029]/g, (character) => escaped[character]!));
}
