// Shells: what bash, zsh and fish, as they are installed, offer for the end of a command line.
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The shells for which there are scripts. */
export type Shell = "bash" | "zsh" | "fish";

/** A folder with a completion script and the program that it is for. */
export interface Completing {
  readonly folder: string;
  readonly script: string;
  /** A shell script: what the program answers when the completion asks it. */
  readonly program: string;
}

/** Whether a shell is installed here. */
export function hasShell(shell: Shell): boolean {
  return spawnSync(shell, ["-c", "exit 0"], { stdio: "ignore" }).error === undefined;
}

/**
 * What the shell offers for each line, without descriptions. A line is what stands behind the name
 * of the program, up to the cursor.
 */
export function complete(
  shell: Shell,
  completing: Completing,
  lines: readonly string[],
): readonly (readonly string[])[] {
  const { folder, program, script } = completing;
  mkdirSync(join(folder, "functions"), { recursive: true });
  writeFileSync(join(folder, "mig-runner"), program);
  chmodSync(join(folder, "mig-runner"), 0o755);
  writeFileSync(join(folder, "functions/_mig-runner"), script);
  return HOW[shell](
    folder,
    lines.map((line) => `./mig-runner ${line}`),
  );
}

const HOW: Readonly<
  Record<Shell, (folder: string, lines: readonly string[]) => readonly (readonly string[])[]>
> = { bash: byBash, fish: byFish, zsh: byZsh };

function call(folder: string, argv: readonly string[]): string {
  const [shell = "", ...others] = argv;
  const env = { PATH: process.env.PATH ?? "", HOME: folder, TERM: "dumb", LC_ALL: "C" };
  // One that waits for ever is ended, and fails the test.
  const limits = { timeout: 300_000, killSignal: "SIGKILL" } as const;
  return execFileSync(shell, others, { cwd: folder, env, encoding: "utf8", ...limits });
}

function wordsIn(text: string): readonly string[] {
  return text.split("\n").filter((word) => word !== "");
}

/** Bash tells the function that completes by variables, and takes what it leaves in one. */
function byBash(folder: string, lines: readonly string[]): readonly (readonly string[])[] {
  return lines.map((line) => {
    const words = line.split(" ");
    const quoted = words.map((word) => `'${word}'`).join(" ");
    const completing = `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _mig_runner`;
    const text = `. functions/_mig-runner; ${completing}; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return wordsIn(call(folder, ["bash", "-c", text]));
  });
}

/** Fish answers for a line by itself, each word with a tab and what is said of it. */
function byFish(folder: string, lines: readonly string[]): readonly (readonly string[])[] {
  const text = ["source functions/_mig-runner", ...lines.map((line) => `ask '${line}'`)];
  const ask = "function ask; complete -C $argv; echo --end; end";
  const said = call(folder, ["fish", "--no-config", "-c", [ask, ...text].join("\n")]);
  return said
    .split("--end\n")
    .slice(0, lines.length)
    .map((part) => wordsIn(part).map((word) => word.split("\t")[0] ?? ""));
}

/** What zsh reads when it starts: the completion where packages put it, and a key that tells. */
const ZSHRC = `PROMPT= RPROMPT=
fpath=($HOME/functions $fpath)
autoload -Uz compinit
compinit -u -D
compadd() {
  if [[ " $* " != *' -'[OAD]' '* ]]; then
    local -a offered
    builtin compadd -O offered "$@"
    (( $#offered )) && print -rl -- $offered >> $HOME/offered
  fi
  builtin compadd "$@"
}
zle -C offer list-choices _main_complete
tell() { zle offer; print -r -- --end >> $HOME/offered; BUFFER=; print -rn -- '<<told>>' }
zle -N tell
bindkey '^I' tell
print -r -- '<<ready>>'
`;

/** A terminal for it, in which the lines are typed. */
const TYPIST = `zmodload zsh/zpty
zpty shell "exec zsh -d -i"
zpty -r shell said '*<<ready>>*'
for line in "$@"; do
  zpty -n -w shell "$line"$'\\t'
  zpty -r shell said '*<<told>>*'
done
zpty -d shell
`;

function byZsh(folder: string, lines: readonly string[]): readonly (readonly string[])[] {
  writeFileSync(join(folder, ".zshrc"), ZSHRC);
  writeFileSync(join(folder, "typist"), TYPIST);
  call(folder, ["zsh", "-f", "typist", ...lines]);
  const path = join(folder, "offered");
  const parts = existsSync(path) ? readFileSync(path, "utf8").split("--end\n") : [];
  return parts.slice(0, lines.length).map(wordsIn);
}
