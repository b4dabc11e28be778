// anyprobe completion: the script that a shell sources to complete verbs, options, their choices and files.
import { Argument, Command } from "commander";
import { completionScript, type Shell, shells } from "./completion-script.js";
import { examples } from "./example.js";

export function completionVerb(): Command {
  const verb = new Command("completion");
  return verb
    .description("print the script that completes anyprobe's command line in a shell")
    .addArgument(new Argument("<shell>", "whose").choices(shells))
    .addHelpText(
      "after",
      examples(
        "source <(anyprobe completion bash)",
        "anyprobe completion bash > /etc/bash_completion.d/anyprobe",
        "echo 'source <(anyprobe completion zsh)' >> ~/.zshrc",
        "anyprobe completion fish > ~/.config/fish/completions/anyprobe.fish",
      ),
    )
    .action((shell: Shell) => {
      process.stdout.write(completionScript(verb.parent!, shell));
    });
}
