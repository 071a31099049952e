// Timeline: spans of time as pictures: SVG without styles of its own, which the policy forbids. All
// that it shows stands in tables as well, so people who are read to are not kept by it.
import { HOUR_MS, type Instant } from "../time.ts";
import type { Day, Lane } from "../view/day.ts";
import { formatClock, plural } from "../view/text.ts";
import { jobLink } from "./layout.ts";
import { type Markup, markup, type Piece } from "./markup.ts";

/** A stretch of time that is shown. */
export interface Stretch {
  readonly fromAt: Instant;
  readonly untilAt: Instant;
}

/** Nothing is drawn narrower than a person can see. In percent, as all places are. */
const NARROWEST = 0.25;

/** Where a moment stands; what is outside stands at the edge. */
function placeOf(at: Instant, { fromAt, untilAt }: Stretch): number {
  const share = (at - fromAt) / Math.max(1, untilAt - fromAt);
  return Math.round(Math.min(1, Math.max(0, share)) * 10_000) / 100;
}

/** A span with what it is. */
export interface Bar {
  readonly kind: string;
  readonly beginAt: Instant;
  readonly endAt: Instant;
  readonly title: string;
  /** The page that tells more; null: none. */
  readonly href: string | null;
}

/** One lane of a picture. */
export function lane(bars: readonly Bar[], stretch: Stretch, ticks: Piece = null): Markup {
  return markup`<svg class="lane" aria-hidden="true">
${ticks}${bars.map((bar) => barShape(bar, stretch))}</svg>`;
}

function barShape({ kind, beginAt, endAt, title, href }: Bar, stretch: Stretch): Markup {
  const x = placeOf(beginAt, stretch);
  const width = Math.max(NARROWEST, placeOf(endAt, stretch) - x);
  const left = Math.min(x, 100 - width);
  const shape = markup`<rect class="${kind}" x="${left}%" y="3" width="${width}%" height="14">
<title>${title}</title></rect>`;
  return href === null ? shape : markup`<a href="${href}" tabindex="-1">${shape}</a>`;
}

/** A line at a moment. */
function tick(at: Instant, kind: string, stretch: Stretch): Markup {
  return markup`<rect class="${kind}" x="${placeOf(at, stretch)}%" width="1" height="20"></rect>`;
}

/** A day, a lane each job. */
export function dayPicture(day: Day, now: Instant): Markup {
  if (day.lanes.length === 0)
    return markup`<p class="soft">Nothing ran, and nothing will soon.</p>`;
  const hasBlackout = day.lanes.some(({ blackouts }) => blackouts.length > 0);
  const hours = hoursOf(day);
  const shade = hours.map((at) => tick(at, "hour", day));
  const others = `And ${plural(day.more, "job")} more.`;
  const more = day.more === 0 ? null : markup`<p class="soft">${others}</p>`;
  const cut = day.runsSinceAt === day.fromAt ? null : cutText(day);
  return markup`<table class="day">
<thead><tr><th scope="col">Job</th><td>${axis(hours, day)}</td></tr></thead>
<tbody>${day.lanes.map((one) => laneRow(one, { day, now, shade }))}</tbody>
</table>
<p class="key soft"><span class="done">■</span> done <span class="failed">■</span> failed
<span class="open">■</span> goes on <span class="missed">■</span> missed ${
    hasBlackout && markup`<span class="blackout">■</span> blackout `
  }<span>|</span> to come</p>
${more}${cut}`;
}

function cutText({ runsSinceAt }: Day): Markup {
  return markup`<p class="soft">Runs since ${formatClock(runsSinceAt)}: there are too many for all.</p>`;
}

/** Each third hour. */
function hoursOf({ fromAt, untilAt }: Stretch): readonly Instant[] {
  const step = 3 * HOUR_MS;
  const hours: Instant[] = [];
  // By the clock of the host: its day is what people call a day.
  const offset = Date.parse(`${formatClock(fromAt).replace(" ", "T")}Z`) - fromAt;
  const first = Math.ceil((fromAt + offset) / step) * step - offset;
  for (let at = first; at <= untilAt; at += step) hours.push(at);
  return hours;
}

/** The hours as numbers; each second one is left out where there is little room. */
function axis(hours: readonly Instant[], stretch: Stretch): Markup {
  const names = hours.map((at, index) => {
    const x = placeOf(at, stretch);
    const anchor = x < 3 ? "start" : x > 97 ? "end" : "middle";
    const kind = index % 2 === 0 ? "major" : "minor";
    const name = formatClock(at).slice(11, 16);
    return markup`<text class="${kind}" x="${x}%" y="12" text-anchor="${anchor}">${name}</text>`;
  });
  return markup`<svg class="axis" aria-hidden="true">${names}</svg>`;
}

function laneRow(
  { job, runs, missed, blackouts, fires }: Lane,
  around: { readonly day: Day; readonly now: Instant; readonly shade: Piece },
): Markup {
  const { day, now, shade } = around;
  const bars: Bar[] = [
    ...blackouts.map(({ fromAt, untilAt, reason }) => ({
      kind: "blackout",
      beginAt: fromAt,
      endAt: untilAt,
      href: null,
      title: `${reason}, ${formatClock(fromAt)} to ${formatClock(untilAt)}`,
    })),
    ...missed.map(({ firstAt, lastAt, count }) => ({
      kind: "missed",
      beginAt: firstAt,
      endAt: lastAt,
      href: "/missed",
      title: `missed ${plural(count, "fire time")} from ${formatClock(firstAt)}`,
    })),
    ...runs.map(({ run, state, beginAt, endAt }) => ({
      kind: state,
      beginAt,
      endAt: endAt ?? now,
      href: `/runs/${run}`,
      title: `run ${run}: ${state}, ${formatClock(beginAt)}`,
    })),
  ];
  const coming = fires.map((at) => tick(at, "fire", day));
  const ticks = [shade, coming, tick(now, "now", day)];
  return markup`<tr><th scope="row">${jobLink(job)}</th><td>${lane(bars, day, ticks)}</td></tr>
`;
}
