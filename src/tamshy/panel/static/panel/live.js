// Asks once a second what has changed and shows it: numbers, decisions, mails, and drops that move down the stream.
// Everything from the shop goes in as text, never as markup.
"use strict";

const SECOND = 1000;
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const SVG = "http://www.w3.org/2000/svg";
const DROP = "M0 -7C3.5 -2.5 6 0 6 3.5A6 6 0 0 1 -6 3.5C-6 0 -3.5 -2.5 0 -7Z";
const people = new Map(); // drop → [flow, step]: where each person was last seen
const gone = new Set(); // drops that have left already
const moving = []; // drops on their way

const make = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

// -- lists and numbers

function line(item) {
  const head = make("span", "line");
  const who = make("a", "", item.who);
  who.href = item.href;
  head.append(who, make("time", "", item.at));
  const said = make("span", "said");
  said.append(make("span", `mark tone-${item.tone}`, item.mark), ` ${item.text}`);
  return [head, said];
}

function mail(item) {
  const link = make("a");
  link.href = item.href;
  const head = make("span", "line");
  head.append(make("b", "", item.who), make("time", "", item.at));
  const foot = make("span", "line");
  foot.append(make("span", "quiet", `${item.flow}, ${item.locale}`));
  if (item.state) foot.append(make("span", "mark tone-leaf", item.state));
  link.append(head, make("span", "subject", item.subject), foot);
  return [link];
}

// Keeps the rows that stay, so that a row under the pointer or with the focus is not swapped for its twin.
function list(id, items, fill) {
  const holder = document.getElementById(id);
  const had = new Map([...holder.children].map((row) => [row.dataset.key, row]));
  if (!items.length) return;
  const rows = items.map((item) => {
    const shape = JSON.stringify(item);
    let row = had.get(item.id);
    if (!row) {
      row = make("li", "new");
      row.dataset.key = item.id;
    }
    if (row.dataset.shape !== shape && !row.contains(document.activeElement)) {
      row.replaceChildren(...fill(item));
      row.dataset.shape = shape;
    }
    return row;
  });
  if (rows.length === holder.children.length && rows.every((row, at) => row === holder.children[at])) return;
  const at = holder.scrollTop, focused = document.activeElement;
  holder.replaceChildren(...rows);
  holder.scrollTop = at;
  if (focused !== document.activeElement && holder.contains(focused)) focused.focus({ preventScroll: true });
}

function numbers(state) {
  document.getElementById("clock").textContent = state.clock;
  for (const count of state.counts) {
    const tile = document.querySelector(`#counts [data-key="${count.key}"]`);
    if (!tile) continue;
    tile.querySelector("strong").textContent = count.value.toLocaleString("en");
    tile.querySelector("small").textContent = count.more;
  }
  for (const section of document.querySelectorAll(".flow")) {
    const flow = state.flows[section.dataset.flow];
    if (!flow) continue;
    for (const place of section.querySelectorAll("[data-number]")) place.textContent = flow[place.dataset.number];
    for (const box of section.querySelectorAll(".box")) stand(box, flow);
  }
}

function stand(box, flow) {
  const step = box.dataset.step;
  const here = step === "-2" ? flow.exits.finished || 0 : flow.standing[step] || 0;
  box.classList.toggle("stands", here > 0);
  box.querySelector(".count").textContent = here || "";
  const sent = flow.sent[box.dataset.id];
  const parts = [box.dataset.told, `${here} ${step === "-2" ? "so far" : "here now"}`];
  if (sent) parts.push(`${sent} sent`);
  box.setAttribute("aria-label", parts.join(", "));
  box.querySelector("title").textContent = parts.join(", ");
}

// -- drops

const seen = (flow) => {
  const section = document.querySelector(`.flow[data-flow="${CSS.escape(flow)}"]`);
  return section && [...section.querySelectorAll("svg.stream")].find((svg) => svg.getClientRects().length);
};

// The paths from one step to another, the fewest that lead there.
function route(svg, from, to) {
  const paths = [...svg.querySelectorAll(".water path")];
  const came = new Map([[from, null]]);
  const next = [from];
  while (next.length && !came.has(to)) {
    const here = next.shift();
    for (const path of paths) {
      if (+path.dataset.from !== here || came.has(+path.dataset.to)) continue;
      came.set(+path.dataset.to, path);
      next.push(+path.dataset.to);
    }
  }
  const way = [];
  for (let path = came.get(to); path; path = came.get(+path.dataset.from)) way.unshift(path);
  return way;
}

function send(flow, from, to, glad) {
  const svg = !calm.matches && !document.hidden && moving.length < 80 ? seen(flow) : null;
  if (!svg) return;
  // Who leaves from the middle of the stream floats off from where they stood.
  const way = route(svg, from, to);
  const box = svg.querySelector(`.box[data-step="${from}"] rect`);
  if (!way.length && !box) return;
  const drop = document.createElementNS(SVG, "path");
  drop.setAttribute("d", DROP);
  drop.setAttribute("visibility", "hidden");
  if (glad) drop.setAttribute("class", "glad");
  svg.querySelector(".moving").append(drop);
  const float = glad || !way.length ? { x: +box.getAttribute("x") + box.getAttribute("width") / 2, y: +box.getAttribute("y") } : null;
  moving.push({ drop, way, float, start: performance.now() + Math.random() * 700, time: float ? 1400 : 500 + 450 * way.length });
  if (moving.length === 1) requestAnimationFrame(frame);
}

function place(one, part) {
  if (one.float) return { x: one.float.x + 6 * Math.sin(part * 9), y: one.float.y - 30 * part };
  const at = Math.min(part, 0.9999) * one.way.length;
  const path = one.way[Math.floor(at)];
  return path.getPointAtLength(path.getTotalLength() * (at % 1));
}

function frame(now) {
  for (let at = moving.length - 1; at >= 0; at -= 1) {
    const one = moving[at];
    const part = (now - one.start) / one.time;
    if (part < 0) continue;
    if (part >= 1) {
      one.drop.remove();
      moving.splice(at, 1);
      continue;
    }
    const eased = part < 0.5 ? 2 * part * part : 1 - 2 * (1 - part) * (1 - part);
    const point = place(one, eased);
    one.drop.setAttribute("transform", `translate(${point.x} ${point.y})`);
    one.drop.setAttribute("visibility", "visible");
    if (one.float) one.drop.setAttribute("opacity", String(1 - part));
  }
  if (moving.length) requestAnimationFrame(frame);
}

function drops(state, first) {
  for (const [id, flow, step] of state.drops) {
    const before = people.get(id);
    if (!first && !before) send(flow, -1, step);
    else if (before && before[1] !== step) send(flow, before[1], step);
    people.set(id, [flow, step]);
  }
  for (const [id, flow, step, glad] of state.left) {
    if (gone.has(id)) continue;
    gone.add(id);
    if (!first) send(flow, (people.get(id) || [flow, -1])[1], step, glad);
    people.delete(id);
  }
  if (gone.size > 5000) gone.clear();
}

// -- the beat

function show(state, first) {
  numbers(state);
  list("lines", state.lines, line);
  list("mails", state.mails, mail);
  drops(state, first);
}

const pulse = document.getElementById("pulse");
function heard(answers) {
  const says = answers ? "live" : "no answer, asking again";
  if (pulse.textContent === says) return;
  pulse.textContent = says;
  pulse.classList.toggle("lost", !answers);
}

async function beat() {
  let wait = SECOND;
  if (!document.hidden) {
    try {
      const answer = await fetch("/api/live/state", { headers: { accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      show(await answer.json(), false);
      heard(true);
    } catch {
      heard(false);
      wait = 3 * SECOND;
    }
  }
  setTimeout(beat, wait);
}

show(JSON.parse(document.getElementById("first").textContent), true);
setTimeout(beat, SECOND);
