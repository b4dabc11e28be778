// What a watch shows to others: its metrics and its page over HTTP, and metrics in a file for node_exporter.
import type { Watch } from "../index.js";
import { metricsHandler } from "../metrics/handler.js";
import { Textfile } from "../metrics/textfile.js";
import { HttpListener } from "../serve/http.js";
import { readToken } from "../serve/listen.js";
import { WatchPage } from "../watch/page.js";
import { packageVersion } from "./version.js";
import type { WatchFlags } from "./watch.js";

/** openFace opens what was asked for, and gives what closes it. Rejects with ConfigError or EngineError; then nothing is open. */
export async function openFace(watched: Watch, flags: WatchFlags): Promise<AsyncDisposable> {
  const { listen, tokenFile, textfile, metricsHistograms: histograms = false } = flags;
  const expose = () => watched.metrics({ histograms, version: packageVersion });
  const token = tokenFile === undefined ? undefined : readToken(tokenFile);
  const page = listen && new WatchPage(watched, { version: packageVersion, onError });
  const handlers = [metricsHandler(expose), ...(page?.handlers ?? [])];
  const listener =
    listen &&
    (await HttpListener.listen(listen, handlers, { token, onError }).catch((error) => {
      page?.close();
      throw error;
    }));
  const file = textfile === undefined ? undefined : new Textfile(textfile, expose, { onError });
  return {
    async [Symbol.asyncDispose]() {
      page?.close();
      listener?.close();
      await file?.close();
    },
  };
}

/** On stderr, as stdout is the watch's. */
function onError({ message }: Error): void {
  process.stderr.write(`anyprobe: what others see could not be made: ${message}\n`);
}
