// What a verb of the control socket goes on telling: what was already, and then what comes.

/**
 * itemsOf gives the items of `past`, and then those of `coming` where there is such. It is no generator: the return of one would
 * wait for the next item, and whoever hung up would be kept until then.
 */
export function itemsOf<Item>(
  past: Iterable<Item>,
  coming?: AsyncIterableIterator<Item>,
): AsyncIterableIterator<Item, undefined> {
  const known = past[Symbol.iterator]();
  const over = { done: true, value: undefined } as const;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const { done, value } = known.next();
      if (!done) return { value };
      return coming ? coming.next() : over;
    },
    async return() {
      await coming?.return?.();
      return over;
    },
  };
}
