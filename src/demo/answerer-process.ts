// The answerer as a process of its own, so that it can be killed -9: gets its options as a message, says that it listens,
// and ends when its parent does.
import { Answerer, type AnswererOptions } from "./answerer.js";

process.once("message", async (options: AnswererOptions) => {
  const answerer = await Answerer.open(options);
  process.send!({ port: answerer.port });
  process.once("disconnect", () => void answerer.close());
});
// A Ctrl-C of the terminal reaches every process of its group: who runs this one decides.
process.on("SIGINT", () => {});
