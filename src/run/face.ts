// What the daemon shows of itself, where the config asks for it: its metrics and its page over HTTP, and metrics in a file for
// node_exporter.
import { expose } from "../metrics/exposition.js";
import { metricsHandler } from "../metrics/handler.js";
import { Textfile } from "../metrics/textfile.js";
import { HttpListener } from "../serve/http.js";
import { readToken } from "../serve/listen.js";
import type { Config } from "./config.js";
import type { Journal } from "./journal.js";
import { type RunView, runFamilies } from "./metrics.js";
import { EventCounts } from "./metrics-count.js";
import { RunPage } from "./page.js";

type Shown = Pick<Config, "listen" | "tokenFile" | "textfile">;

/** Face counts from construction on, shows from open() on, and goes with close(). It outlives reloads. */
export class Face {
  readonly #config: Shown;
  readonly #journal: Journal;
  readonly #counts: EventCounts;
  readonly #expose: () => AsyncIterable<string>;
  readonly #view: () => Omit<RunView, "counts">;
  #page: RunPage | undefined;
  #listener: HttpListener | undefined;
  #textfile: Textfile | undefined;

  constructor(config: Shown, journal: Journal, view: () => Omit<RunView, "counts">) {
    this.#config = config;
    this.#journal = journal;
    this.#counts = new EventCounts(journal);
    this.#view = view;
    this.#expose = () => expose(runFamilies({ ...view(), counts: this.#counts }));
  }

  /** open rejects with ConfigError for a token file that is no good, with EngineError where the kernel refuses to listen. */
  async open(): Promise<void> {
    const { listen, tokenFile, textfile } = this.#config;
    if (listen) {
      const onError = ({ message }: Error, path: string) =>
        this.#complain("http", `${path} could not be made: ${message}`);
      this.#page = new RunPage(this.#journal, this.#view, (error) => onError(error, "/live"));
      this.#listener = await HttpListener.listen(listen, [metricsHandler(this.#expose), ...this.#page.handlers], {
        token: tokenFile === undefined ? undefined : readToken(tokenFile),
        onError,
      });
    }
    if (textfile === undefined) return;
    this.#textfile = new Textfile(textfile, this.#expose, {
      onError: ({ message }) => this.#complain("textfile", `${textfile} could not be written: ${message}`),
    });
  }

  /** close hangs up on everybody and removes the file. Never rejects. Idempotent. */
  async close(): Promise<void> {
    this.#page?.close();
    this.#listener?.close();
    await this.#textfile?.close();
    this.#counts[Symbol.dispose]();
  }

  #complain(kind: string, message: string) {
    this.#journal.tell("error", { kind, message });
  }
}
