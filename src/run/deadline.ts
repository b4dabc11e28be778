// A time limit that gives what has arrived its turn: timers run before anything is read, so that after a pause of this
// process an answer that came in time may still wait to be read.

/** deadline calls `expired` after `ms`, when all that had arrived by then was read; the function that it gives calls it off. */
export function deadline(ms: number, expired: () => void): () => void {
  let reading: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    reading = setImmediate(expired);
  }, ms);
  return () => {
    clearTimeout(timer);
    clearImmediate(reading);
  };
}
