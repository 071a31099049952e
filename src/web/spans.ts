// Spans: the time that one run took, as a picture: waiting, posting, agents answering, collecting,
// delivering, and of a workflow which steps ran beside which. A time that is not kept is not drawn.
import type { ActionRecord, DeliveryRecord, RunRecord, StepRecord } from "../journal/reading.ts";
import type { Instant } from "../time.ts";
import { spanText } from "../time.ts";
import { formatClock } from "../view/text.ts";
import { type Markup, markup } from "./markup.ts";
import { type Bar, lane, type Stretch } from "./timeline.ts";

/** A lane with its name. */
interface NamedLane {
  readonly name: string;
  readonly bars: readonly Bar[];
}

/** Lanes of a run that are shown: a workflow may have thousands of actions. */
const LANES_MAX = 40;

/** The time of a run: a lane for its beginning, one each action, one each delivery. */
export function spansPicture(run: RunRecord, now: Instant): Markup {
  const lanes = lanesOf(run, now);
  const ends = lanes.flatMap(({ bars }) => bars.map(({ endAt }) => endAt));
  const begins = lanes.flatMap(({ bars }) => bars.map(({ beginAt }) => beginAt));
  if (ends.length === 0) return markup`<p class="soft">It has not begun.</p>`;
  const stretch: Stretch = { fromAt: Math.min(...begins), untilAt: Math.max(...ends) };
  const { fromAt, untilAt } = stretch;
  const range = `${formatClock(fromAt)} to ${formatClock(untilAt)}, ${spanText(untilAt - fromAt)}`;
  const shown = lanes.slice(0, LANES_MAX);
  return markup`<table class="spans"><tbody>${shown.map((one) => laneRow(one, stretch))}</tbody></table>
<p class="key soft"><span>${range}</span> <span class="wait">■</span> until posted
<span class="answer">■</span> agents answer <span class="collect">■</span> collecting
<span class="done">■</span> done, delivered <span class="failed">■</span> failed</p>`;
}

function laneRow({ name, bars }: NamedLane, stretch: Stretch): Markup {
  return markup`<tr><th scope="row">${name}</th><td>${lane(bars, stretch)}</td></tr>
`;
}

function lanesOf(run: RunRecord, now: Instant): readonly NamedLane[] {
  const { firesAt, startedAt, actions, deliveries, steps } = run;
  const begun = startedAt ?? firesAt;
  const wait = bar("wait", "waited to begin", { beginAt: firesAt, endAt: begun });
  const drawn = steps.filter((step) => beginOf(step, actions) !== null);
  const inSteps = new Set(drawn.map(({ name }) => name));
  const others = actions.filter(({ step }) => !inSteps.has(step));
  return [
    { name: "Begin", bars: wait },
    ...drawn.map((step) => stepLane(step, actions, now)),
    ...others.map((action) => actionLane(action, { run, begunAt: begun, now })),
    ...deliveries.flatMap((delivery) => deliveryLane(delivery, actions, now)),
  ].filter(({ bars }) => bars.length > 0);
}

/** When a step began; of one of an older version when its first action was posted. */
function beginOf(step: StepRecord, actions: readonly ActionRecord[]): Instant | null {
  if (step.begunAt !== null) return step.begunAt;
  const posted = actions.filter((one) => one.step === step.name).map((one) => one.postedAt);
  return posted.find((at) => at !== null) ?? null;
}

/** A step, and in it what became of its actions. */
function stepLane(step: StepRecord, actions: readonly ActionRecord[], now: Instant): NamedLane {
  const { name, kind, state, endedAt } = step;
  const beginAt = beginOf(step, actions) ?? now;
  const endAt = endedAt ?? now;
  const waits = kind === "sleep" || kind === "wait" || kind === "approval";
  const tone = state === "failed" ? "failed" : waits ? "wait" : state === "saved" ? "done" : "open";
  const own = actions.filter((action) => action.step === name && action.postedAt !== null);
  const whole = bar(own.length > 0 && tone !== "failed" ? "wait" : tone, kind, { beginAt, endAt });
  return { name, bars: [...whole, ...own.flatMap((action) => takenBars(action, now))] };
}

/** An action since it was posted: agents answer, it is collected. */
function takenBars(action: ActionRecord, now: Instant): readonly Bar[] {
  const { postedAt, expireAt, state, collectedAt } = action;
  if (postedAt === null) return [];
  const isAwaited = state === "posted";
  const answered = Math.min(expireAt, isAwaited ? now : expireAt);
  const collected = collectedAt ?? (isAwaited ? now : null);
  const collecting = { beginAt: answered, endAt: collected ?? answered };
  return [
    ...bar("answer", "agents answer", { beginAt: postedAt, endAt: answered }),
    ...(collecting.endAt > answered ? bar("collect", "collecting", collecting) : []),
  ];
}

function actionLane(
  action: ActionRecord,
  { run, begunAt, now }: { run: RunRecord; begunAt: Instant; now: Instant },
): NamedLane {
  const { actionId, step, postedAt, state } = action;
  const name = `${step === "" ? "" : `${step}: `}${actionId ?? "action"}`;
  if (postedAt === null) {
    const endAt = run.endedAt ?? now;
    const kind = state === "failed" ? "failed" : "wait";
    // A step of a workflow begins at a time that is not kept.
    return { name, bars: step === "" ? bar(kind, state, { beginAt: begunAt, endAt }) : [] };
  }
  const posting =
    step === "" ? bar("wait", "until it was posted", { beginAt: begunAt, endAt: postedAt }) : [];
  return { name, bars: [...posting, ...takenBars(action, now)] };
}

function deliveryLane(
  { plugin, actionId, state, endedAt }: DeliveryRecord,
  actions: readonly ActionRecord[],
  now: Instant,
): readonly NamedLane[] {
  const action = actions.find((one) => one.actionId === actionId);
  if (action === undefined) return [];
  const { collectedAt, expireAt } = action;
  const since = collectedAt === null ? "its action had expired" : "its result was written";
  const times = { beginAt: collectedAt ?? expireAt, endAt: endedAt ?? now };
  return [{ name: plugin, bars: bar(state, `${state}, since ${since}`, times) }];
}

/** One bar, unless a clock that was set makes it end before it begins. */
function bar(kind: string, what: string, times: Pick<Bar, "beginAt" | "endAt">): readonly Bar[] {
  const { beginAt, endAt } = times;
  if (endAt < beginAt) return [];
  const title = `${what}: ${formatClock(beginAt)}, ${spanText(endAt - beginAt)}`;
  return [{ kind, title, href: null, ...times }];
}
