// Completion: the verb that prints what a shell needs to complete our command lines.
//
// The scripts hold verbs and flags; names of jobs are asked of the program (`completion jobs`) when
// they are wanted, with the -c of the line.

import { isThere } from "../edge/files.ts";
import { RunnerError, RunnerErrors } from "../errors.ts";
import { nameFault } from "../jobs/name.ts";
import { awaitsApproval } from "../journal/guards.ts";
import { questionViews } from "../workflow/view.ts";
import { type FlagSpec, UsageError } from "./flags.ts";
import { loadJobs } from "./jobs.ts";
import { openSpoolView } from "./open.ts";
import { openReadingIfThere, withReading } from "./reading.ts";
import { type Call, CONFIG_FLAG, SET_FLAG, type Verb, type VerbEntry } from "./verb.ts";

/** @param daemon The program without a verb, for its flags. */
export function completionOf(table: readonly VerbEntry[], daemon: Verb): Verb {
  return {
    usage: "bash|zsh|fish",
    flags: [],
    help:
      "Prints a script that completes commands, flags and names of jobs.\n\n" +
      "Examples:\n" +
      "  mig-runner completion bash > /etc/bash_completion.d/mig-runner\n" +
      "  mig-runner completion zsh > ~/.zfunc/_mig-runner\n" +
      "  mig-runner completion fish > ~/.config/fish/completions/mig-runner.fish",
    async run(call) {
      const [shell = "", ...others] = call.positionals;
      if (NAMES.has(shell)) return await printNames(call, shell, others[0] ?? "");
      const script = SCRIPTS.get(shell);
      if (script === undefined || others.length > 0) {
        throw new UsageError("completion takes bash, zsh or fish");
      }
      const names = table.map(({ name }) => name);
      const verbs = await Promise.all(table.map((entry) => describeVerb(entry, names)));
      call.terminal.file(script({ daemon: { name: "", summary: "", flags: daemon.flags }, verbs }));
      return 0;
    },
  };
}

/** A verb, as a shell is told of it. */
interface Described extends Pick<VerbEntry, "name" | "summary" | "more" | "ofHosts"> {
  readonly words?: "jobs" | "questions" | readonly string[];
  readonly flags: readonly FlagSpec[];
}

interface Commands {
  /** The program without a verb. */
  readonly daemon: Described;
  readonly verbs: readonly Described[];
}

async function describeVerb(
  { name, summary, words, ofHosts = [], more = false, load }: VerbEntry,
  commands: readonly string[],
): Promise<Described> {
  const described = { name, summary, ofHosts, more, flags: (await load()).flags };
  if (words === undefined) return described;
  return { ...described, words: words === "commands" ? commands : words };
}

/** Names that the scripts ask the program for. */
const NAMES: ReadonlySet<string> = new Set(["jobs", "params", "keys", "questions", "hosts"]);

const SCRIPTS: ReadonlyMap<string, (commands: Commands) => string> = new Map([
  ["bash", bashScript],
  ["zsh", zshScript],
  ["fish", fishScript],
]);

/** What a shell asks for. Never a word about what is wrong: a shell would show it in the line. */
async function printNames(call: Call, what: string, of: string): Promise<number> {
  try {
    const view = await openSpoolView(call);
    call.terminal.out(await namesOf(view, what, of));
    return 0;
  } catch (error) {
    if (!(error instanceof RunnerError || error instanceof RunnerErrors)) throw error;
    return 1;
  }
}

type View = Awaited<ReturnType<typeof openSpoolView>>;

async function namesOf(view: View, what: string, of: string): Promise<readonly string[]> {
  switch (what) {
    case "jobs":
      return (await view.spool.scan())
        .map(({ job }) => job)
        .filter((job) => nameFault(job) === null);
    case "params":
      return await paramsOf(view, of);
    case "hosts":
      return await hostsOf(view, of);
    case "keys":
      return await keysOf(view, of);
    default:
      return await questionsOf(view, of);
  }
}

/** The hosts that a deed of `cluster` can be done to. */
async function hostsOf({ config: { cluster } }: View, deed: string): Promise<readonly string[]> {
  if (cluster === null) return [];
  const { openServer } = await import("./cluster-journal.ts");
  const server = openServer(cluster);
  try {
    const { hosts } = await server.lookAnyway();
    const isOffered = (isDraining: boolean): boolean =>
      deed === "drain" ? !isDraining : deed === "undrain" ? isDraining : deed === "forget";
    return hosts
      .filter(({ draining }) => isOffered(draining))
      .map(({ name }) => name)
      .filter((name) => WORD.test(name));
  } finally {
    await server.close();
  }
}

/** `NAME=` for each parameter of a job. */
async function paramsOf(view: View, job: string): Promise<readonly string[]> {
  const found = (await loadJobs(view)).find((state) => state.job === job);
  return (found?.entity?.params?.names ?? []).map((name) => `${name}=`);
}

/** What a job keeps for its next runs, by its keys. */
async function keysOf(view: View, job: string): Promise<readonly string[]> {
  const reading = await openReadingIfThere(view, { kind: "tables", tables: ["state"], job });
  try {
    return reading?.journal.stateKeys(job).filter((key) => WORD.test(key)) ?? [];
  } finally {
    await reading?.close();
  }
}

/** What a shell takes for one word, and puts nothing else in its place. */
const WORD = /^[\w./:@%+-]+$/;

/** The runs that ask people something; of a run, the names of what it asks. */
async function questionsOf(view: View, run: string): Promise<readonly string[]> {
  const { cluster, journalPath } = view.config;
  if (cluster === null && !(await isThere(journalPath))) return [];
  return await withReading(view, { kind: "overview" }, async (reading) => {
    const asked = (await reading.openWorkflows(QUESTIONS_MAX)).flatMap(questionViews);
    const held = (await reading.inFlight(QUESTIONS_MAX)).filter(awaitsApproval);
    const ids = [...held, ...asked].map(({ runId }) => String(runId));
    const names = asked.filter(({ runId }) => String(runId) === run).map(({ name }) => name);
    return [...new Set(run === "" ? ids : names)];
  });
}

/** Runs that are looked through for what they ask. */
const QUESTIONS_MAX = 1_000;

function spellings(flags: readonly FlagSpec[]): string[] {
  return [...flags, CONFIG_FLAG].map(spell).concat("--help");
}

function spell({ name }: FlagSpec): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

/** Flags whose value is a file, as a pattern of `case`. */
function fileFlags({ daemon, verbs }: Commands): string {
  const flags = [daemon, ...verbs].flatMap((verb) => verb.flags);
  const files = [...flags, CONFIG_FLAG].filter(({ value }) => value === "FILE");
  return [...new Set(files.map(spell))].join("|");
}

function valueFlags({ daemon, verbs }: Commands): string {
  const flags = [daemon, ...verbs].flatMap((verb) => verb.flags);
  const others = flags.filter(
    ({ kind, name, value }) => kind !== "switch" && value !== "FILE" && !ASKED.includes(name),
  );
  return [...new Set(others.map(spell))].join("|");
}

/** Flags whose values the program is asked for. */
const ASKED: readonly string[] = [SET_FLAG.name, "clear"];

/** Keys of the state of the job of the line. */
const KEYS = `$("$program" "\${config[@]}" completion keys "$job" 2>/dev/null)`;

/** The parameters of the job of the line, as bash and zsh ask for them. */
const PARAMS = `$("$program" "\${config[@]}" completion params "$job" 2>/dev/null)`;

/** What runs ask people: runs, and behind one the names. */
const QUESTIONS = `$("$program" "\${config[@]}" completion questions "$job" 2>/dev/null)`;

/** The hosts that the deed of the line can be done to. */
const HOSTS = `$("$program" "\${config[@]}" completion hosts "$job" 2>/dev/null)`;

/** The part that bash and zsh share: from the verb to `flags`, `names` and `files`. */
function caseLines(commands: Commands): string {
  const jobs = `$("$program" "\${config[@]}" completion jobs 2>/dev/null)`;
  const one = ({ name, flags, words, ofHosts = [], more = false }: Described): string => {
    const known = words === "questions" ? [] : [...(words ?? [])];
    const listed = words === "jobs" ? [jobs] : [...known, ...(more ? [jobs] : [])];
    // The names of questions may have blanks in them: one a line.
    const names = `"${listed.join(" ")}"${words === "questions" ? ` lines="${QUESTIONS}"` : ""}`;
    const files = words === undefined || more ? " files=yes" : "";
    const hosts = ofHosts.length === 0 ? "" : ` ; [ -z "$job" ] || names="${HOSTS}"`;
    return `    ${name}) flags="${spellings(flags).join(" ")}" names=${names}${files}${hosts} ;;`;
  };
  const verbs = commands.verbs.map(({ name }) => name).join(" ");
  const none = `    "") flags="${spellings(commands.daemon.flags).join(" ")}" names="${verbs}" ;;`;
  return ['  case "$verb" in', none, ...commands.verbs.map(one), "  esac"].join("\n");
}

function bashScript(commands: Commands): string {
  return `# mig-runner: completion for bash.
_mig_runner() {
  local program="\${COMP_WORDS[0]}" word="\${COMP_WORDS[COMP_CWORD]}" verb="" job="" i
  local before="\${COMP_WORDS[COMP_CWORD-1]}" flags="" names="" lines="" files=""
  local -a config=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      -c) i=$((i + 1)); config=(-c "\${COMP_WORDS[i]}") ;;
      -*) ;;
      *) [ -z "$verb" ] || job="\${job:-\${COMP_WORDS[i]}}"; verb="\${verb:-\${COMP_WORDS[i]}}" ;;
    esac
  done
  COMPREPLY=()
  case "$before" in
    --set)
      compopt -o nospace 2>/dev/null
      if [ "$verb" = state ]; then COMPREPLY=($(compgen -S = -W "${KEYS}" -- "$word"))
      else COMPREPLY=($(compgen -W "${PARAMS}" -- "$word")); fi
      return ;;
    --clear) COMPREPLY=($(compgen -W "${KEYS}" -- "$word")); return ;;
    ${fileFlags(commands)}) COMPREPLY=($(compgen -f -- "$word")); return ;;
    ${valueFlags(commands)}) return ;;
  esac
${caseLines(commands)}
  case "$word" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$word")) ;;
    *) COMPREPLY=($(compgen -W "$names" -- "$word")) ;;
  esac
  while IFS= read -r i; do
    [[ -z "$i" || "$i" != "\${word//\\\\/}"* ]] || COMPREPLY+=("$(printf '%q' "$i")")
  done <<<"$lines"
  [ -z "$files" ] || COMPREPLY+=($(compgen -f -- "$word"))
}
complete -F _mig_runner mig-runner
`;
}

function zshScript(commands: Commands): string {
  return `#compdef mig-runner
# mig-runner: completion for zsh.
_mig-runner() {
  local program="\${words[1]}" before="\${words[CURRENT-1]}" verb="" job="" i
  local flags="" names="" lines="" files=""
  local -a config=()
  for ((i = 2; i < CURRENT; i++)); do
    case "\${words[i]}" in
      -c) i=$((i + 1)); config=(-c "\${words[i]}") ;;
      -*) ;;
      *) [ -z "$verb" ] || job="\${job:-\${words[i]}}"; verb="\${verb:-\${words[i]}}" ;;
    esac
  done
  case "$before" in
    --set)
      if [ "$verb" = state ]; then compadd -S "=" -- ${KEYS}; else compadd -S "" -- ${PARAMS}; fi
      return ;;
    --clear) compadd -- ${KEYS}; return ;;
    ${fileFlags(commands)}) _files; return ;;
    ${valueFlags(commands)}) return ;;
  esac
${caseLines(commands)}
  case "\${words[CURRENT]}" in
    -*) compadd -- \${=flags} ;;
    *) compadd -- \${=names} ;;
  esac
  [ -z "$lines" ] || compadd -- "\${(@f)lines}"
  [ -z "$files" ] || _files
}
if [ "\${funcstack[1]}" = "_mig-runner" ]; then
  _mig-runner "$@"
else
  compdef _mig-runner mig-runner
fi
`;
}

function fishScript({ daemon, verbs }: Commands): string {
  const names = verbs.map(({ name }) => name).join(" ");
  const none = `not __fish_seen_subcommand_from ${names}`;
  const lines = [
    "# mig-runner: completion for fish.",
    "function __mig_runner_jobs",
    "    set -l line (commandline -opc)",
    "    set -l at (contains -i -- -c $line)",
    "    and set -l config -c $line[(math $at + 1)]",
    "    $line[1] $config completion jobs 2>/dev/null",
    "end",
    "function __mig_runner_params",
    "    set -l line (commandline -opc)",
    "    set -l at (contains -i -- -c $line)",
    "    and set -l config -c $line[(math $at + 1)]",
    "    set -l of (contains -i -- run $line; or contains -i -- test $line)",
    "    $line[1] $config completion params $line[(math $of + 1)] 2>/dev/null",
    "end",
    "function __mig_runner_keys",
    "    set -l line (commandline -opc)",
    "    set -l at (contains -i -- -c $line)",
    "    and set -l config -c $line[(math $at + 1)]",
    "    set -l of (contains -i -- state $line)",
    "    $line[1] $config completion keys $line[(math $of + 1)] 2>/dev/null",
    "end",
    "function __mig_runner_questions",
    "    set -l line (commandline -opc)",
    "    set -l at (contains -i -- -c $line)",
    "    and set -l config -c $line[(math $at + 1)]",
    "    set -l of (contains -i -- $argv[1] $line)",
    "    $line[1] $config completion questions $line[(math $of + 1)] 2>/dev/null",
    "end",
    "function __mig_runner_hosts",
    "    set -l line (commandline -opc)",
    "    set -l at (contains -i -- -c $line)",
    "    and set -l config -c $line[(math $at + 1)]",
    "    $line[1] $config completion hosts $line[-1] 2>/dev/null",
    "end",
    "complete -c mig-runner -f",
    "complete -c mig-runner -o c -r -F -d 'Load configuration from file'",
    "complete -c mig-runner -l help -d 'Say what it does and what it takes'",
    ...daemon.flags.map((flag) => fishFlag(none, flag)),
  ];
  for (const { name, summary, flags, words, ofHosts = [], more = false } of verbs) {
    const seen = `__fish_seen_subcommand_from ${name}`;
    lines.push(`complete -c mig-runner -n '${none}' -a ${name} -d '${quoted(summary)}'`);
    if (words === "questions") {
      lines.push(`complete -c mig-runner -n '${seen}' -a '(__mig_runner_questions ${name})'`);
    } else if (words === "jobs")
      lines.push(`complete -c mig-runner -n '${seen}' -a '(__mig_runner_jobs)'`);
    else if (words === undefined) lines.push(`complete -c mig-runner -n '${seen}' -F`);
    else if (words.length > 0) {
      const isFirst = ofHosts.length === 0 ? seen : `${seen}; and not ${seenOf(words)}`;
      lines.push(`complete -c mig-runner -n '${isFirst}' -a '${words.join(" ")}'`);
    }
    if (ofHosts.length > 0) {
      const isSecond = `${seen}; and ${seenOf(ofHosts)}`;
      lines.push(`complete -c mig-runner -n '${isSecond}' -a '(__mig_runner_hosts)'`);
    }
    if (more) lines.push(`complete -c mig-runner -n '${seen}' -F -a '(__mig_runner_jobs)'`);
    lines.push(...flags.map((flag) => fishFlag(seen, flag, name)));
  }
  return `${lines.join("\n")}\n`;
}

function seenOf(words: readonly string[]): string {
  return `__fish_seen_subcommand_from ${words.join(" ")}`;
}

function fishFlag(condition: string, flag: FlagSpec, verb = ""): string {
  const { name, kind, value, help } = flag;
  const long = name.length === 1 ? `-o ${name}` : `-l ${name}`;
  const end = name === SET_FLAG.name ? "=" : "";
  const own = verb === "state" ? `(__mig_runner_keys)${end}` : "(__mig_runner_params)";
  const asks = ASKED.includes(name) ? ` -x -a '${own}'` : " -x";
  const takes = kind === "switch" ? "" : value === "FILE" ? " -r -F" : asks;
  return `complete -c mig-runner -n '${condition}' ${long}${takes} -d '${quoted(help)}'`;
}

function quoted(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
}
