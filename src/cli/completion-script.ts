// What completes the command line in each shell: scripts made of the tree of verbs, which need no anyprobe to run while one types.
import type { Command, Option } from "commander";
import { pathOf, tree } from "./tree.js";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** completionScript gives the text that a shell sources, for the command `root` and all below it. */
export function completionScript(root: Command, shell: Shell): string {
  return shell === "fish" ? fish(root) : shell === "bash" ? bash(root) : `${zshHead}${bash(root)}`;
}

/** What may follow an option that takes a value: some words, a file, or what only the user knows. */
function mayFollow(option: Option): readonly string[] | "file" | "unknown" {
  if (option.argChoices) return option.argChoices;
  return /<(file|path)>$/.test(option.flags) ? "file" : "unknown";
}

const namesOf = ({ short, long }: Option) => [short, long].filter((name) => name !== undefined);
const optionsOf = (command: Command) => command.createHelp().visibleOptions(command);
const choicesOf = (command: Command) => command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
const takesFiles = (command: Command) => command.registeredArguments.some(({ argChoices }) => !argChoices);

function bash(root: Command): string {
  const commands = tree(root);
  const verbs = commands.filter((command) => command.parent).map((command) => `"${pathOf(command)}"`);
  const values = commands.flatMap((command) =>
    optionsOf(command)
      .filter(({ required }) => required)
      .map((option) => {
        const value = mayFollow(option);
        const offer = value === "file" ? "files=1" : value === "unknown" ? "return" : `words="${value.join(" ")}"`;
        return `    ${namesOf(option)
          .map((name) => `"${pathOf(command)} ${name}"`)
          .join("|")}) ${offer} ;;`;
      }),
  );
  const places = commands.map((command) => {
    const words = [...command.commands.map((verb) => verb.name()), ...choicesOf(command)].join(" ");
    const options = optionsOf(command).flatMap(namesOf).join(" ");
    const files = takesFiles(command) ? " files=1" : "";
    return `      "${pathOf(command)}") words="${words}" options="${options}"${files} ;;`;
  });
  return `_${root.name()}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local at="${root.name()}" words="" options="" files="" i
  # Bash makes three words of --option=value.
  if [[ "$current" == "=" ]]; then current=""
  elif [[ "$previous" == "=" ]]; then previous="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
    ${verbs.join("|")}) at="$at \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at $previous" in
${values.join("\n")}
    *) case "$at" in
${places.join("\n")}
    esac ;;
  esac
  [[ "$current" == -* ]] && words="$options" files=""
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ -n "$files" ]]; then
    compopt -o filenames 2> /dev/null
    local IFS=$'\\n'
    COMPREPLY+=($(compgen -f -- "$current"))
  fi
}
complete -F _${root.name()} ${root.name()}
`;
}

/** zsh has bash's ways on request. */
const zshHead = `autoload -Uz +X compinit bashcompinit
(( $+functions[compdef] )) || compinit
bashcompinit
`;

function fish(root: Command): string {
  const quoted = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const name = root.name();
  const lines = tree(root).flatMap((command) => {
    const here = `complete -c ${name} -n ${quoted(`__${name}_at ${quoted(pathOf(command))}`)}`;
    const verbs = command.commands.map((verb) => `${here} -a ${verb.name()} -d ${quoted(verb.description())}`);
    const choices = choicesOf(command).map((choice) => `${here} -a ${choice}`);
    const files = takesFiles(command) ? [`${here} -F`] : [];
    const options = optionsOf(command).map((option) => {
      const flags = [option.short && `-s ${option.short.slice(1)}`, option.long && `-l ${option.long.slice(2)}`];
      const value = option.required ? mayFollow(option) : undefined;
      const offer =
        value === undefined
          ? ""
          : value === "file"
            ? "-r -F"
            : value === "unknown"
              ? "-x"
              : `-x -a ${quoted(value.join(" "))}`;
      return [here, ...flags, offer, `-d ${quoted(option.description)}`].filter(Boolean).join(" ");
    });
    return [...verbs, ...choices, ...files, ...options];
  });
  const verbs = tree(root).filter((command) => command.parent);
  return `function __${name}_at
    set -l at ${name}
    for word in (commandline -opc)[2..]
        if contains -- "$at $word" ${verbs.map((command) => quoted(pathOf(command))).join(" ")}
            set at "$at $word"
        end
    end
    test "$at" = "$argv[1]"
end
complete -c ${name} -f
${lines.join("\n")}
`;
}
