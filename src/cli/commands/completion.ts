import type { Command } from 'commander';
import { usage } from '../failure.ts';
import { printData } from '../terminal.ts';

/** Prints a completion script made from the program itself: commands, their subcommands and flags. */
export async function completion(shell: string, program: Command): Promise<void> {
  const words = tableOf(program);
  if (shell === 'bash') return printData(bash(words));
  if (shell === 'zsh') return printData(`autoload -U +X bashcompinit && bashcompinit\n${bash(words)}`);
  if (shell === 'fish') return printData(fish(words));
  throw usage(`there is no completion for ${shell}; there is for bash, zsh, fish`);
}

interface Entry {
  /** `''` for the program, `release open` for a command. */
  readonly path: string;
  readonly summary: string;
  readonly commands: readonly string[];
  readonly flags: readonly string[];
}

function tableOf(command: Command, path = ''): readonly Entry[] {
  const own: Entry = {
    path,
    summary: command.description(),
    commands: command.commands.map((child) => child.name()),
    flags: [...command.options.map((option) => option.long ?? ''), '--help'].filter((flag) => flag !== ''),
  };
  return [own, ...command.commands.flatMap((child) => tableOf(child, `${path} ${child.name()}`.trim()))];
}

function bash(entries: readonly Entry[]): string {
  const cases = entries.map(
    ({ path, commands, flags }) =>
      `    '${path}') words='${commands.join(' ')}'; flags='${[...new Set(flags)].join(' ')}' ;;`,
  );
  return `# completion of belay for bash; load it with: source <(belay completion bash)
_belay() {
  local current=\${COMP_WORDS[COMP_CWORD]} path='' words='' flags='' i
  for ((i = 1; i < COMP_CWORD && i < 3; i++)); do
    case \${COMP_WORDS[i]} in -*) ;; *) path="\${path:+$path }\${COMP_WORDS[i]}" ;; esac
  done
  while :; do
    case $path in
${cases.map((line) => `  ${line}`).join('\n')}
      *) case $path in *' '*) path=\${path% *}; continue ;; esac ;;
    esac
    break
  done
  case $current in -*) words=$flags ;; esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _belay belay ./belay`;
}

function fish(entries: readonly Entry[]): string {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = entries.flatMap(({ path, commands, flags }) => {
    const [first, second] = path.split(' ');
    const condition =
      path === ''
        ? '__fish_use_subcommand'
        : second === undefined
          ? `__fish_seen_subcommand_from ${first ?? ''}`
          : `__fish_seen_subcommand_from ${first ?? ''}; and __fish_seen_subcommand_from ${second}`;
    const summaryOf = (name: string): string =>
      entries.find((entry) => entry.path === `${path} ${name}`.trim())?.summary ?? '';
    return [
      ...commands.map(
        (name) => `complete -c belay -n ${quoted(condition)} -a ${name} -d ${quoted(summaryOf(name))}`,
      ),
      ...flags.map((flag) => `complete -c belay -n ${quoted(condition)} -l ${flag.slice(2)}`),
    ];
  });
  return ['# completion of belay for fish', ...lines].join('\n');
}
