// Elements, made once and changed in place: whatever has the focus keeps it, and a screen reader is told of nothing that is as it was.
// All text is text, whoever chose it.

type Child = Node | string;

/** element makes one: `element("p", { class: "quiet" }, "text")`. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** say writes a text where it is another. */
export function say(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** mark sets an attribute where it is another; undefined takes it away. */
export function mark(node: Element, name: string, value: string | undefined): void {
  if (value === undefined) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** show shows or hides. */
export function show(node: HTMLElement, visible: boolean): void {
  node.hidden = !visible;
}

/** Row is one item as it is shown. */
export interface Row<Item> {
  readonly element: HTMLElement;
  update(item: Item): void;
}

/** List shows items by their keys in their order, each in an element of its own that stays as long as its key does. */
export class List<Item> {
  readonly #parent: HTMLElement;
  readonly #make: (item: Item) => Row<Item>;
  readonly #rows = new Map<string, Row<Item>>();

  constructor(parent: HTMLElement, make: (item: Item) => Row<Item>) {
    this.#parent = parent;
    this.#make = make;
  }

  show(items: Iterable<readonly [key: string, item: Item]>): void {
    const wanted = new Map(items);
    // Before all others: past one that is to go, each that stays would have to move.
    for (const [key, { element }] of this.#rows) {
      if (wanted.has(key)) continue;
      element.remove();
      this.#rows.delete(key);
    }
    let next = this.#parent.firstElementChild;
    for (const [key, item] of wanted) {
      let row = this.#rows.get(key);
      if (!row) {
        row = this.#make(item);
        this.#rows.set(key, row);
      }
      row.update(item);
      if (row.element === next) next = next.nextElementSibling;
      else this.#parent.insertBefore(row.element, next);
    }
  }
}

/** cells writes a table's line: a cell for each text, with its class where it has one. */
export function cells(row: HTMLElement, texts: readonly (readonly [text: string, className?: string])[]): void {
  while (row.children.length < texts.length) row.append(element("td"));
  texts.forEach(([text, className = ""], i) => {
    const cell = row.children[i] as HTMLElement;
    say(cell, text);
    if (cell.className !== className) cell.className = className;
  });
}

/** table makes one with a head; `words` is the column of text. It scrolls by itself where it is too wide, with the keyboard too. */
export function table(
  label: string,
  heads: readonly string[],
  words?: string,
): { box: HTMLElement; body: HTMLElement } {
  const body = element("tbody");
  const head = element("tr");
  for (const text of heads)
    head.append(element("th", { scope: "col", ...(text === words && { class: "words" }) }, text));
  const whole = element("table", {}, element("thead", {}, head), body);
  const box = element("div", { class: "table", tabindex: "0", role: "region", "aria-label": label }, whole);
  return { box, body };
}
