// The status page: follows the live stream and shows what it brings, of a daemon or of a watch.
import { Parts } from "./parts.js";
import { RunView } from "./run-view.js";
import { WatchView } from "./watch-view.js";

const page = document.getElementById("page")!;
let view: RunView | WatchView | undefined;
let kind: string | undefined;

const parts = new Parts(
  () => {
    const shown = parts.get<{ readonly kind: "run" | "watch" }>("head")!.kind;
    // Another process may have taken the place since.
    if (shown !== kind) view = shown === "run" ? new RunView(page) : new WatchView(page);
    kind = shown;
    view!.show(parts);
  },
  (link) => view?.showLink(link),
);
