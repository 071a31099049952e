// Spans: the time that one run took, as a picture: waiting, posting, agents answering, and what
// came after. A time that the journal has not kept is not drawn.
import type { ActionRecord, DeliveryRecord, RunRecord } from "../journal/reading.ts";
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
<span class="answer">■</span> agents answer <span class="done">■</span> collected, delivered</p>`;
}

function laneRow({ name, bars }: NamedLane, stretch: Stretch): Markup {
  return markup`<tr><th scope="row">${name}</th><td>${lane(bars, stretch)}</td></tr>
`;
}

function lanesOf(run: RunRecord, now: Instant): readonly NamedLane[] {
  const { firesAt, startedAt, actions, deliveries } = run;
  const begun = startedAt ?? firesAt;
  const wait = bar("wait", "waited to begin", { beginAt: firesAt, endAt: begun });
  return [
    { name: "Begin", bars: wait },
    ...actions.map((action) => actionLane(action, { run, begunAt: begun, now })),
    ...deliveries.flatMap((delivery) => deliveryLane(delivery, actions, now)),
  ].filter(({ bars }) => bars.length > 0);
}

function actionLane(
  action: ActionRecord,
  { run, begunAt, now }: { run: RunRecord; begunAt: Instant; now: Instant },
): NamedLane {
  const { actionId, step, postedAt, expireAt, state } = action;
  const name = `${step === "" ? "" : `${step}: `}${actionId ?? "action"}`;
  if (postedAt === null) {
    const endAt = run.endedAt ?? now;
    const kind = state === "failed" ? "failed" : "wait";
    // A step of a workflow begins at a time that is not kept.
    return { name, bars: step === "" ? bar(kind, state, { beginAt: begunAt, endAt }) : [] };
  }
  const answered = Math.min(expireAt, state === "posted" ? now : expireAt);
  const posting =
    step === "" ? bar("wait", "until it was posted", { beginAt: begunAt, endAt: postedAt }) : [];
  const answering = bar("answer", "agents answer", { beginAt: postedAt, endAt: answered });
  return { name, bars: [...posting, ...answering] };
}

function deliveryLane(
  { plugin, actionId, state, endedAt }: DeliveryRecord,
  actions: readonly ActionRecord[],
  now: Instant,
): readonly NamedLane[] {
  const action = actions.find((one) => one.actionId === actionId);
  if (action === undefined) return [];
  const times = { beginAt: action.expireAt, endAt: endedAt ?? now };
  return [{ name: plugin, bars: bar(state, `${state}, since its action had expired`, times) }];
}

/** One bar, unless a clock that was set makes it end before it begins. */
function bar(kind: string, what: string, times: Pick<Bar, "beginAt" | "endAt">): readonly Bar[] {
  const { beginAt, endAt } = times;
  if (endAt < beginAt) return [];
  const title = `${what}: ${formatClock(beginAt)}, ${spanText(endAt - beginAt)}`;
  return [{ kind, title, href: null, ...times }];
}
