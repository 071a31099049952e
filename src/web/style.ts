// Style: the one style sheet of the page. Light and dark by what the reader's system says.

/** What every page is drawn with. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #fff; --ink: #1c1f23; --soft: #5b636d; --line: #dfe3e8; --band: #f6f7f9;
  --link: #0b57b0; --bad: #b3261e; --wait: #8a5a00; --good: #1b6e3c;
  --collect: #6b4fa0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171a; --ink: #e3e6ea; --soft: #9aa3ad; --line: #2d333a; --band: #1b1f24;
    --link: #82b7ff; --bad: #ff8f87; --wait: #e9b84d; --good: #7fd39d;
    --collect: #b9a2ea;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 87.5rem; padding: 0 1.25rem 2rem;
  background: var(--ground); color: var(--ink);
  font: 14px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
a { color: var(--link); text-decoration: none; }
a:hover, p a { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--ground); padding: .25rem .5rem; }
header {
  display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1.25rem;
  padding: .75rem 0; border-bottom: 1px solid var(--line);
}
header .name { font-weight: 600; color: var(--ink); }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
nav a { color: var(--soft); padding: .125rem 0; }
nav a[aria-current] { color: var(--ink); font-weight: 600; border-bottom: 2px solid var(--ink); }
.host { margin-left: auto; color: var(--soft); overflow-wrap: anywhere; }
footer {
  margin-top: 2.5rem; padding-top: .75rem; border-top: 1px solid var(--line);
  color: var(--soft); font-size: 13px; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem;
}
h1 { font-size: 1.25rem; font-weight: 600; margin: 1.25rem 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1rem; font-weight: 600; margin: 1.75rem 0 .5rem; }
h2 .count { color: var(--soft); font-weight: 400; }
p { margin: .25rem 0; overflow-wrap: anywhere; max-width: 70rem; }
.soft { color: var(--soft); }
.bad { color: var(--bad); }
.wait { color: var(--wait); }
.good { color: var(--good); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0; }
th { color: var(--soft); font-weight: 400; font-size: 13px; white-space: nowrap; }
td { overflow-wrap: break-word; max-width: 24rem; }
tbody tr { border-top: 1px solid var(--line); }
tbody tr:hover { background: var(--band); }
td.time, td.number, th.number { white-space: nowrap; }
td.number, th.number { text-align: right; }
td.list { min-width: 12rem; }
td.text { min-width: 14rem; max-width: 48rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.25rem; margin: .5rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.troubles { list-style: none; margin: 0; padding: 0; }
.troubles li { border-left: 3px solid var(--bad); padding: .1rem 0 .1rem .75rem; margin: .6rem 0; }
.troubles li.held { border-left-color: var(--wait); }
.troubles .since { color: var(--soft); }
.troubles .what { font-weight: 600; margin: 0; }
.troubles .todo { margin: 0; }
.calm { color: var(--good); }
code, pre { font: 13px/1.5 ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; }
pre {
  margin: .25rem 0; padding: .5rem .75rem; background: var(--band); overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; max-height: 30rem;
}
form { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: end; margin: .5rem 0; }
label { color: var(--soft); font-size: 13px; min-width: 0; max-width: 100%; }
label.line { align-self: center; }
input[type="text"], input[type="password"], input[type="search"], textarea, select {
  display: block; font: inherit; color: var(--ink); background: var(--ground);
  border: 1px solid var(--line); border-radius: 3px; padding: .2rem .4rem; max-width: 100%;
}
button {
  font: inherit; color: var(--ink); background: var(--band); border: 1px solid var(--line);
  border-radius: 3px; padding: .2rem .8rem; cursor: pointer;
}
.day, .spans { table-layout: fixed; }
.day th, .spans th { width: 11rem; white-space: normal; overflow-wrap: anywhere; }
.day tbody th, .spans tbody th { color: var(--ink); font-size: 14px; }
.day td, .spans td { padding: .15rem 0; vertical-align: middle; max-width: none; }
.day tbody tr, .spans tbody tr { border-top: 0; }
.lane { display: block; width: 100%; height: 1.25rem; background: var(--band); }
.axis { display: block; width: 100%; height: 1rem; fill: var(--soft); font-size: 12px; }
.lane .done, .lane .delivered { fill: var(--good); }
.lane .failed, .lane .dead { fill: var(--bad); }
.lane .open, .lane .requested, .lane .answer { fill: var(--link); }
.lane .collect { fill: var(--collect); }
.lane .paused, .lane .wait, .lane .pending { fill: var(--wait); }
.lane .missed { fill: var(--bad); fill-opacity: .45; }
.lane .fire { fill: var(--soft); fill-opacity: .55; }
.lane .hour { fill: var(--line); }
.lane .now { fill: var(--ink); }
.key span + span { margin-left: .75rem; }
.key .wait { color: var(--wait); }
.key .done { color: var(--good); }
.key .failed { color: var(--bad); }
.key .open, .key .answer { color: var(--link); }
.key .collect { color: var(--collect); }
.key .missed { color: var(--bad); opacity: .4; }
.lane .blackout { fill: var(--wait); fill-opacity: .3; }
.key .blackout { color: var(--wait); opacity: .5; }
.person, .person form { display: inline-flex; align-items: baseline; gap: .75rem; margin: 0; }
.acts { display: flex; flex-wrap: wrap; align-items: start; gap: .4rem .75rem; margin: .5rem 0; }
.acts details {
  border: 1px solid var(--line); border-radius: 3px; padding: .2rem .6rem; max-width: 100%;
}
.acts summary { cursor: pointer; overflow-wrap: anywhere; min-height: 1.5rem; }
.told { border-left: 3px solid; padding-left: .75rem; margin: .6rem 0; }
.pages { display: flex; gap: 1.25rem; margin: .75rem 0; }
@media (max-width: 40rem) {
  body { padding: 0 .75rem 1.5rem; }
  .host { margin-left: 0; }
  th, td { padding-right: .6rem; }
  td.list { min-width: 12rem; }
td.text { min-width: 10rem; }
  .day th, .spans th { width: 6.5rem; }
  .axis .minor { display: none; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .4rem; }
}
`;
