// One event of the journal as a line of text.
import { styleText } from "node:util";
import { type JournalEvent, type Level, prefixesOf } from "../run/journal.js";

type Style = Parameters<typeof styleText>[0];

/** Paint colours a text where colours are wanted. */
export type Paint = (style: Style, text: string) => string;

const levelStyles: Readonly<Record<Level, Style>> = { info: "green", warn: "yellow", error: "red" };
/** The longest IPv4 prefix. */
const subjectWidth = 18;

/** renderEvent writes an event as one line, without its end: when (UTC), how bad, of which prefix, and what happened. */
export function renderEvent(event: JournalEvent, colours: boolean): string {
  const paint = painter(colours);
  const { atMs, level, message, service } = event;
  const prefixes = prefixesOf(event) ?? [];
  const subject = printable((prefixes.length === 1 ? prefixes[0] : service) ?? "-");
  const text = printable(message);
  // The subject has its own column.
  const said = text.startsWith(`${subject}: `) || text.startsWith(`${subject} `);
  const place = `${service} at ${subject}: `;
  const short = text.startsWith(place) ? `${service}: ${text.slice(place.length)}` : text;
  return [
    instant(atMs),
    paint(levelStyles[level], level.padEnd(5)),
    paint("bold", subject.padEnd(subjectWidth)),
    said ? text.slice(subject.length).replace(/^:? /, "") : short,
  ].join("  ");
}

/** painter gives a Paint that colours, or leaves all as it is. */
export function painter(colours: boolean): Paint {
  return (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text);
}

/** instant writes a Unix time in ms as `2026-11-23 01:02:03.456Z`. */
export function instant(atMs: number): string {
  return new Date(atMs).toISOString().replace("T", " ");
}

/** printable replaces what would move the cursor of a terminal or forge a line: reasons quote what servers sent. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\u{fffd}");
}
