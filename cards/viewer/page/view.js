"use strict";
// The wall: what is shown stands in the address after #, so that it can be sent to others.
const PAGE = 60, GAP = 12, TEXT = 118;
let about = null, state = new URLSearchParams(location.hash.slice(1));
let total = 0, pages = new Map(), cards = new Map(), turn = 0, at = -1;
const FIXED = new Set(["clip", "view"]); // fields that select nothing

const fields = () => new URLSearchParams([...state].filter(([name, value]) => !FIXED.has(name) && value));
const say = (text) => { $("problem").textContent = text; };
function show(change, keep) {
  const before = fields().toString();
  change(state);
  const address = "#" + state;
  if (address !== location.hash) history[keep ? "replaceState" : "pushState"](null, "", address);
  draw(before !== fields().toString());
}
window.onhashchange = window.onpopstate = () => { state = new URLSearchParams(location.hash.slice(1)); draw(true); };

async function draw(anew) {
  drawControls();
  if (anew) await load();
  const id = state.get("clip");
  if (id) clipPage.open(id); else clipPage.close();
}
async function load() {
  const mine = ++turn, asked = fields();
  try {
    const [first, spreads] = await Promise.all([source.clips(asked, 0, PAGE), source.facets(asked)]);
    if (mine !== turn) return;
    say("");
    total = first.total; pages = new Map([[0, first.clips]]); at = -1;
    for (const card of cards.values()) card.remove();
    cards.clear();
    $("count").textContent = `${total.toLocaleString("en")} of ${about.clips.toLocaleString("en")} clips`;
    drawFacets(spreads);
    layOut();
  } catch (error) { if (mine === turn) say(error.message); }
}
// -- the wall: only what can be seen is in the document
function grid() {
  const width = $("wall").clientWidth, columns = Math.max(1, Math.floor((width + GAP) / (240 + GAP)));
  const side = (width - GAP * (columns - 1)) / columns;
  return { columns, side, high: side * 9 / 16 + TEXT };
}
function layOut() {
  const { columns, high } = grid();
  $("wall").style.height = Math.ceil(total / columns) * (high + GAP) + "px";
  fill();
}
function fill() {
  const { columns, side, high } = grid(), top = $("wall").getBoundingClientRect().top;
  const first = Math.max(0, Math.floor((-top - 600) / (high + GAP))) * columns;
  const last = Math.min(total, Math.ceil((-top + innerHeight + 600) / (high + GAP)) * columns);
  for (const [number, card] of cards) if (number < first || number >= last) { card.remove(); cards.delete(number); }
  for (let number = first; number < last; number++) {
    const page = pages.get(Math.floor(number / PAGE));
    if (!page) { fetchPage(Math.floor(number / PAGE)); continue; }
    if (!page.length || !page[number % PAGE]) continue;
    let card = cards.get(number);
    if (!card) { card = makeCard(page[number % PAGE], number); cards.set(number, card); $("wall").append(card); }
    Object.assign(card.style, { width: side + "px", height: high + "px", left: (number % columns) * (side + GAP) + "px", top: Math.floor(number / columns) * (high + GAP) + "px" });
  }
}
async function fetchPage(number) {
  pages.set(number, []);
  const mine = turn;
  try {
    const found = await source.clips(fields(), number * PAGE, PAGE);
    if (mine === turn) { pages.set(number, found.clips); fill(); }
  } catch (error) { pages.delete(number); say(error.message); }
}
function makeCard(clip, number) {
  const picture = el("div", { className: "picture" }, "no picture");
  const image = el("img", { src: source.picture(clip.clip_id), alt: "", loading: "lazy" });
  image.onerror = () => image.remove();
  picture.append(image, el("small", {}, clip.kind === "video" ? seconds(clip.duration_s) : clip.kind));
  if (clip.mark) picture.append(el("span", { className: "badge " + clip.mark }, clip.mark));
  const address = new URLSearchParams(state);
  address.set("clip", clip.clip_id);
  const card = el("a", { className: "card " + clip.state, href: "#" + address }, picture, el("p", {}, clip.caption || clip.title || clip.clip_id));
  card.append(el("p", { className: "why" }, clip.reason || (clip.state === "kept" ? clip.teacher : clip.state)));
  card.onclick = (event) => { if (event.ctrlKey || event.metaKey || event.shiftKey) return; event.preventDefault(); show((s) => s.set("clip", clip.clip_id)); };
  card.onfocus = () => { at = number; };
  let waiting = 0;
  card.onpointerenter = () => { if (clip.kind === "video") waiting = setTimeout(() => playInCard(clip, picture), 120); };
  card.onpointerleave = () => { clearTimeout(waiting); picture.querySelector("video")?.remove(); };
  return card;
}
function playInCard(clip, picture) {
  const start = clip.own_file ? 0 : clip.start_s, film = el("video", { muted: true, playsInline: true, src: source.film(clip.clip_id) });
  film.onloadedmetadata = () => { film.currentTime = start; film.play().catch(() => film.remove()); };
  film.ontimeupdate = () => { if (film.currentTime >= start + clip.duration_s - 0.03) film.currentTime = start; };
  film.onended = () => { film.currentTime = start; film.play().catch(() => {}); };
  film.onerror = () => film.remove();
  picture.append(film);
}
function clipAt(number) { return pages.get(Math.floor(number / PAGE))?.[number % PAGE]; }
function focusCard(number) {
  if (!total) return;
  at = Math.max(0, Math.min(total - 1, number));
  const { columns, high } = grid(), top = Math.floor(at / columns) * (high + GAP) + $("wall").getBoundingClientRect().top;
  if (top < 80 || top + high > innerHeight) scrollBy(0, top - (innerHeight - high) / 2);
  fill();
  cards.get(at)?.focus({ preventScroll: true });
}
async function neighbour(by) { // the clip before or after the open one, in this order
  const id = state.get("clip");
  for (const [page, clips] of pages) {
    const place = clips.findIndex((clip) => clip.clip_id === id);
    if (place < 0) continue;
    const number = page * PAGE + place + by;
    if (number < 0 || number >= total) return;
    if (!clipAt(number)) pages.set(Math.floor(number / PAGE), (await source.clips(fields(), Math.floor(number / PAGE) * PAGE, PAGE)).clips);
    const next = clipAt(number);
    if (next) { at = number; show((s) => s.set("clip", next.clip_id), true); }
    return;
  }
}
// -- filters
function drawControls() {
  if (document.activeElement !== $("text")) $("text").value = state.get("text") || "";
  if (document.activeElement !== $("where")) $("where").value = state.get("where") || "";
  $("sort").value = state.get("sort") || "";
  const lost = state.get("view") === "lost";
  $("losses").hidden = !lost;
  for (const [id, on] of [["lost", lost], ["kept", !lost && state.get("state") === "kept" && state.getAll("state").length === 1], ["all", !lost && !state.has("state")]]) $(id).setAttribute("aria-pressed", String(on));
  const chips = [...fields()].filter(([name]) => !["sort"].includes(name));
  $("chosen").replaceChildren(...chips.map(([name, value]) => el("button", { type: "button", title: "leave out this filter", onclick: () => drop(name, value) }, `${title(name)}: ${value} ✕`)));
}
function title(name) { return about?.columns.find((column) => column.name === name)?.title || { text: "words", where: "SQL", in: "selection" }[name] || name; }
function drop(name, value) {
  show((s) => { const rest = s.getAll(name).filter((one) => one !== value); s.delete(name); rest.forEach((one) => s.append(name, one)); });
}
function drawFacets(spreads) {
  const open = new Set([...document.querySelectorAll("details.facet[open]")].map((one) => one.dataset.name));
  const first = !$("facets").children.length;
  $("facets").replaceChildren(...about.columns.map((column, number) => {
    const made = el("details", { className: "facet" }, el("summary", {}, column.title));
    made.dataset.name = column.name;
    made.open = first ? number < 5 || state.has(column.name) : open.has(column.name);
    made.append(...(column.kind === "number" ? drawHistogram(column, spreads[column.name]) : [drawChoices(column, spreads[column.name])]));
    return made;
  }));
}
function drawChoices(column, counts) {
  const chosen = new Set(state.getAll(column.name)), known = new Map(counts);
  for (const value of chosen) if (!known.has(value)) known.set(value, 0);
  return el("ul", {}, ...[...known].map(([value, n]) => {
    const box = el("input", { type: "checkbox", checked: chosen.has(value) });
    box.onchange = () => (box.checked ? show((s) => s.append(column.name, value)) : drop(column.name, value));
    return el("li", {}, el("label", { title: value }, box, el("span", {}, value || "(none)"), el("small", {}, n.toLocaleString("en"))));
  }));
}
function drawHistogram(column, counts) {
  const [low, high] = range(column), most = Math.max(1, ...counts), step = (column.high - column.low) / counts.length;
  const bars = el("div", { className: "bars", role: "img", ariaLabel: `${column.title}: drag to choose a range` }, ...counts.map((n, i) => {
    const bar = el("i", { title: `${round(column.low + i * step)} to ${round(column.low + (i + 1) * step)}: ${n}` });
    bar.style.height = (n ? Math.max(4, (100 * n) / most) : 0) + "%";
    bar.className = column.low + (i + 1) * step > low && column.low + i * step < high && state.has(column.name) ? "in" : "";
    return bar;
  }));
  const place = (event) => { const box = bars.getBoundingClientRect(); return column.low + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * (column.high - column.low); };
  let from = null;
  bars.onpointerdown = (event) => { from = place(event); bars.setPointerCapture(event.pointerId); };
  bars.onpointermove = (event) => {
    if (from === null) return;
    const to = place(event), [a, b] = [Math.min(from, to), Math.max(from, to)];
    [...bars.children].forEach((bar, i) => bar.classList.toggle("in", column.low + (i + 1) * step > a && column.low + i * step < b));
  };
  bars.onpointerup = (event) => {
    const to = place(event), [a, b] = [Math.min(from, to), Math.max(from, to)];
    from = null;
    if (b - a < step / 4) show((s) => s.delete(column.name)); else limit(column, a, b);
  };
  const ends = [low, high].map((value, i) => {
    const input = el("input", { type: "number", step: "any", value: state.has(column.name) ? round(value) : "", placeholder: round(i ? column.high : column.low), ariaLabel: `${column.title}, ${i ? "at most" : "at least"}` });
    input.onchange = () => limit(column, ends[0].value === "" ? null : Number(ends[0].value), ends[1].value === "" ? null : Number(ends[1].value));
    return input;
  });
  return [bars, el("div", { className: "ends" }, ends[0], "to", ends[1])];
}
function range(column) {
  const [low, high] = (state.get(column.name) || "..").split("..");
  return [low ? Number(low) : column.low, high ? Number(high) : column.high];
}
function limit(column, low, high) {
  const end = (value) => (value === null || Number.isNaN(value) ? "" : round(value));
  show((s) => (low === null && high === null ? s.delete(column.name) : s.set(column.name, `${end(low)}..${end(high)}`)));
}
function drawLosses() {
  const rows = about.lost.map((one) => el("tr", {}, el("td", {}, one.step), el("td", {}, one.reason), el("td", {}, one.rows.toLocaleString("en")), el("td", {}, one.state), el("td", { className: "soft" }, one.ids.join(", "))));
  const head = el("tr", {}, ...["step", "reason", "rows", "", "for instance"].map((word) => el("th", { scope: "col" }, word)));
  $("losses").replaceChildren(about.lost.length ? el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)) : el("p", {}, "Nothing was lost."));
}
// -- marks, keys, beginning
async function mark(id, said) {
  if (!source.marks) return say("these files take no marks: run `cliploom view` on the build");
  try {
    await source.mark({ clip_id: id, person: localStorage.getItem("person") || "", ...said });
    const shown = said.mark || (said.caption ? "caption" : said.note ? "note" : "");
    for (const [page, clips] of pages) for (const [place, clip] of clips.entries()) if (clip.clip_id === id) {
      clip.mark = shown;
      const number = page * PAGE + place;
      if (cards.has(number)) { const old = cards.get(number), held = document.activeElement === old; old.remove(); cards.delete(number); fill(); if (held) cards.get(number)?.focus(); }
    }
    say("");
  } catch (error) { say(error.message); }
}
const KEYS = [["/", "search"], ["Arrows", "from clip to clip"], ["Enter", "open"], ["Esc", "close"], ["K", "keep"], ["D", "drop"], ["U", "no mark"], ["E", "write a better caption"], ["N", "write a note"], ["Space", "play, pause"], ["F", "filters"], ["?", "these keys"]];
document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "checkbox";
  if (typing) { if (event.key === "Escape") event.target.blur(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key, open_ = state.get("clip");
  const id = open_ || clipAt(at)?.clip_id;
  const acts = {
    "/": () => $("text").focus(), "?": () => $("help").click(), f: () => $("filters").click(),
    k: () => id && mark(id, { mark: "keep" }).then(() => open_ && neighbour(1)), d: () => id && mark(id, { mark: "drop" }).then(() => open_ && neighbour(1)),
    u: () => id && mark(id, { mark: "" }).then(() => open_ && clipPage.open(id, true)),
    ArrowRight: () => (open_ ? neighbour(1) : focusCard(at + 1)), ArrowLeft: () => (open_ ? neighbour(-1) : focusCard(at - 1)),
    ArrowDown: () => !open_ && focusCard(at < 0 ? 0 : at + grid().columns), ArrowUp: () => !open_ && focusCard(at - grid().columns),
    ...(open_ ? clipPage.keys : {}),
  };
  if (!acts[key] || (key === " " && event.target.tagName === "BUTTON")) return;
  event.preventDefault();
  acts[key]();
});
let typing = 0;
$("text").oninput = () => { clearTimeout(typing); typing = setTimeout(() => show((s) => ($("text").value ? s.set("text", $("text").value) : s.delete("text")), true), 180); };
$("sql").onsubmit = (event) => { event.preventDefault(); show((s) => ($("where").value.trim() ? s.set("where", $("where").value.trim()) : s.delete("where"))); };
$("sort").onchange = () => show((s) => ($("sort").value ? s.set("sort", $("sort").value) : s.delete("sort")));
$("all").onclick = () => show((s) => { s.delete("state"); s.delete("view"); });
$("kept").onclick = () => show((s) => { s.delete("view"); s.delete("state"); s.set("state", "kept"); });
$("lost").onclick = () => show((s) => { s.delete("state"); s.set("view", "lost"); s.append("state", "dropped"); s.append("state", "failed"); });
$("filters").onclick = () => { const bare = $("body").classList.toggle("bare"); $("filters").setAttribute("aria-expanded", String(!bare)); layOut(); };
$("help").onclick = () => { $("keys").hidden = !$("keys").hidden; $("help").setAttribute("aria-expanded", String(!$("keys").hidden)); };
addEventListener("scroll", fill, { passive: true });
addEventListener("resize", () => { if (about) layOut(); });
(async () => {
  $("keys").append(...KEYS.map(([key, what]) => el("div", {}, el("kbd", {}, key), what)));
  if (innerWidth < 832) $("filters").click();
  $("sql").hidden = !source.sql;
  try { about = await source.about(); } catch (error) { return say(error.message); }
  document.title = $("name").textContent = about.name;
  const options = about.columns.filter((column) => column.kind === "number").flatMap((column) => [["-" + column.name, `${column.title}, high first`], [column.name, `${column.title}, low first`]]);
  $("sort").append(el("option", { value: "" }, "id"), ...options.map(([value, text]) => el("option", { value }, text)));
  drawLosses();
  await draw(true);
})();
