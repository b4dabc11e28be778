// What must not outlive this process: clean-ups that also run when it exits early or is ended by a signal, without waiting.

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const cleanups = new Set<() => void>();

/**
 * beforeExit has `cleanup` run, synchronously, if this process ends before the returned function is called. Whoever else
 * listens to a signal decides what it does; where nobody does, it ends the process as it would have.
 */
export function beforeExit(cleanup: () => void): () => void {
  if (cleanups.size === 0) {
    process.on("exit", runAll);
    for (const signal of signals) process.on(signal, onSignal);
  }
  cleanups.add(cleanup);
  return () => forget(cleanup);
}

function forget(cleanup: () => void): void {
  if (!cleanups.delete(cleanup) || cleanups.size > 0) return;
  process.off("exit", runAll);
  for (const signal of signals) process.off(signal, onSignal);
}

function runAll(): void {
  for (const cleanup of cleanups) {
    forget(cleanup);
    cleanup();
  }
}

function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  runAll();
  process.kill(process.pid, signal);
}
