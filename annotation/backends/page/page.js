"use strict";
// One task at a time; answers live in the browser until they are saved to a file.
const DATA = JSON.parse(document.getElementById("data").textContent);
const FORM = DATA.form, TASKS = DATA.tasks, $ = (id) => document.getElementById(id);
const KEY = "cliploom:" + DATA.id, video = $("video");
let state = load(), at = 0, draft = null, shownAt = 0, unsaved = false, hushed = false;

function load() {
  try { return { person: "", answers: {}, ...JSON.parse(localStorage.getItem(KEY) || "{}") }; }
  catch { return { person: "", answers: {} }; }
}
function keep() { try { localStorage.setItem(KEY, JSON.stringify(state)); } catch { say("this browser keeps nothing: save often"); } }
function say(text) { $("problem").textContent = text; }
function el(tag, props = {}, ...children) {
  const made = Object.assign(document.createElement(tag), props);
  made.append(...children);
  return made;
}
function button(text, key, pressed, act) {
  const made = el("button", { type: "button", onclick: act }, text);
  if (pressed !== null) made.setAttribute("aria-pressed", String(pressed));
  if (key) made.append(" ", el("kbd", {}, key));
  return made;
}
const task = () => TASKS[at];
const length = () => task().end_s - task().start_s;
const now = () => (task().src ? video.currentTime : 0);
const time = (s) => s.toFixed(2) + " s";

function open(number) {
  const typed = document.activeElement; // a letter is a key again, where texts are not all that is asked for
  if (typed && $("question").contains(typed) && FORM.kind !== "edit" && !FORM.slots.length) typed.blur();
  at = Math.max(0, Math.min(TASKS.length - 1, number));
  const old = state.answers[task().id];
  draft = old ? JSON.parse(JSON.stringify(old)) : blank();
  shownAt = performance.now();
  say("");
  $("dark").hidden = Boolean(task().src);
  $("dark").textContent = task().src ? "" : "This clip cannot be shown: " + task().why;
  if (task().src) { video.src = task().src; start(); } else video.removeAttribute("src");
  const after = TASKS[at + 1];
  if (after && after.src) fetchAhead(after.src);
  $("film").textContent = task().video + ", " + time(task().start_s) + " to " + time(task().end_s);
  parts.open();
  draw();
}
function start() { // browsers play sound only after the first key or click: until then it is off
  video.play().catch((error) => { if (error.name === "NotAllowedError" && !video.muted) { video.muted = hushed = true; video.play().catch(() => {}); } });
}
function fetchAhead(src) { const ahead = el("video", { preload: "auto", src }); fetchAhead.held = ahead; }
function blank() {
  const text = FORM.text && !FORM.choice && task().texts.length ? task().texts[0] : "";
  return { verdict: "", text, choice: null, marks: parts.given(), seconds: 0 };
}
function draw() {
  const question = $("question");
  const focus = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.keep : "";
  const place = focus ? document.activeElement.selectionStart : 0;
  question.replaceChildren(...parts.draw());
  if (FORM.verdicts.length) question.append(el("div", { className: "row" }, ...FORM.verdicts.filter((v) => v !== "edit").map(
    (v) => button(WORDS[v](), LETTERS[v], draft.verdict === v, () => verdict(v)))));
  const again = focus && question.querySelector(`[data-keep="${focus}"]`);
  if (again) { again.focus(); if (again.setSelectionRange) again.setSelectionRange(place, place); }
  const done = Object.keys(state.answers).filter((id) => TASKS.some((t) => t.id === id)).length;
  $("bar").firstElementChild.style.width = (100 * done) / Math.max(1, TASKS.length) + "%";
  $("bar").setAttribute("aria-valuemax", String(TASKS.length));
  $("bar").setAttribute("aria-valuenow", String(done));
  const spent = Object.values(state.answers).reduce((sum, a) => sum + (a.seconds || 0), 0);
  const speed = spent > 60 ? ` · ${Math.round((3600 * done) / spent)} an hour` : "";
  $("count").textContent = `${at + 1} of ${TASKS.length} · ${done} answered${speed}`;
}
const WORDS = {
  accept: () => "Right", cannot_tell: () => "Cannot tell",
  reject: () => (FORM.choice ? "All bad" : FORM.kind === "moments" ? "Nowhere in the clip" : "Wrong"),
};
const LETTERS = { accept: "A", reject: "R", cannot_tell: "C" };

function verdict(value) {
  draft.verdict = value;
  if (value !== "accept" && value !== "mark") draft.marks = value === "edit" ? draft.marks : [];
  if (value === "reject" || value === "cannot_tell") { draft.choice = null; draft.text = ""; }
  if (value === "accept") draft.text = "";
  submit();
}
function submit() {
  const problem = parts.settle();
  if (problem) { say(problem); draw(); return; }
  const spent = Math.min(600, (performance.now() - shownAt) / 1000);
  draft.seconds = Math.round(((draft.seconds || 0) + spent) * 10) / 10;
  draft.at = new Date().toISOString();
  state.answers[task().id] = draft;
  unsaved = true;
  keep();
  const open_ = TASKS.findIndex((t, i) => i > at && !state.answers[t.id]);
  const first = open_ < 0 ? TASKS.findIndex((t) => !state.answers[t.id]) : open_;
  if (first < 0) { draw(); say("All are answered: save them."); $("save").focus(); } else open(first);
}
function save() {
  state.person = $("person").value.trim();
  if (!state.person) { say("Your name first, please."); $("person").focus(); return; }
  keep();
  const answers = TASKS.filter((t) => state.answers[t.id]).map((t) => ({ task_id: t.id, ...state.answers[t.id] }));
  const held = { cliploom: "answers", format: 1, person: state.person, sheet: DATA.sheet, answers };
  const name = "answers_" + state.person.replace(/[^\p{L}\p{N}]+/gu, "_") + ".json";
  const link = el("a", { download: name, href: URL.createObjectURL(new Blob([JSON.stringify(held, null, 1)], { type: "application/json" })) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  unsaved = false;
  say("");
  $("problem").textContent = `${answers.length} ${answers.length === 1 ? "answer is" : "answers are"} in ${name}: hand it to \`cliploom review pull\`.`;
}
function toggle() { if (video.paused) video.play().catch(() => {}); else video.pause(); }
function step(by) { video.pause(); video.currentTime = Math.max(0, Math.min(length(), video.currentTime + by / task().fps)); }
const SPEEDS = [0.5, 1, 1.5, 2, 3];
function speed(by) {
  const found = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, SPEEDS.indexOf(video.playbackRate) + by))];
  video.playbackRate = video.defaultPlaybackRate = found || 1;
  $("speed").textContent = video.playbackRate + "×";
}
const KEYS = {
  " ": toggle, k: () => open(at - 1), j: () => open(at + 1), s: save, m: () => { video.muted = !video.muted; hushed = false; },
  "?": () => $("help").click(), "<": () => speed(-1), ">": () => speed(1), Enter: submit,
  ArrowLeft: (e) => step(e.shiftKey ? -task().fps : -1), ArrowRight: (e) => step(e.shiftKey ? task().fps : 1),
  a: () => FORM.verdicts.includes("accept") && verdict("accept"),
  r: () => FORM.verdicts.includes("reject") && verdict("reject"),
  c: () => (parts.unsure() ? undefined : FORM.verdicts.includes("cannot_tell") && verdict("cannot_tell")),
};
function unhush() { if (hushed) video.muted = hushed = false; }
document.addEventListener("pointerdown", (event) => { if (event.target !== $("mute")) unhush(); });
document.addEventListener("keydown", (event) => {
  if (event.key !== "m") unhush();
  const typing = /^(TEXTAREA|INPUT)$/.test(event.target.tagName);
  if (typing) {
    if (event.key === "Escape") event.target.blur();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); submit(); }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if ((event.key === "Enter" || event.key === " ") && event.target.tagName === "BUTTON" && event.target !== $("next")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (parts.key(key)) event.preventDefault();
  else if (KEYS[key]) { event.preventDefault(); KEYS[key](event); }
});
$("play").onclick = toggle; $("back").onclick = () => step(-1); $("on").onclick = () => step(1);
$("speed").onclick = () => speed(video.playbackRate >= 3 ? -9 : 1); $("mute").onclick = KEYS.m;
$("previous").onclick = KEYS.k; $("skip").onclick = KEYS.j; $("next").onclick = submit; $("save").onclick = save;
$("help").onclick = () => { $("keys").hidden = !$("keys").hidden; $("help").setAttribute("aria-expanded", String(!$("keys").hidden)); };
$("person").value = state.person;
$("person").onchange = () => { state.person = $("person").value.trim(); keep(); };
video.onplay = video.onpause = () => { $("play").textContent = video.paused ? "Play" : "Pause"; };
video.onvolumechange = () => { $("mute").textContent = video.muted ? "Sound off" : "Sound"; };
video.onerror = () => { if (task().src) { $("dark").hidden = false; $("dark").textContent = "This clip's file does not play: is it still beside the page?"; } };
video.onloadeddata = () => { $("dark").hidden = true; parts.moved(); };
window.onbeforeunload = (event) => { if (unsaved) event.preventDefault(); };
function tick() { $("clock").textContent = `${time(now())} of ${time(length())}`; parts.moved(); requestAnimationFrame(tick); }
window.addEventListener("DOMContentLoaded", () => {
  const lines = [["Space", "play, pause"], ["← →", "one frame; with Shift one second"], ["< >", "speed"], ["M", "sound"], ["Enter", "next"],
    ["J K", "later, previous"], ["S", "save"], ["Esc, Ctrl+Enter", "leave a text, next"], ...parts.help()];
  $("keys").append(...lines.map(([key, what]) => el("div", {}, el("kbd", {}, key), what)));
  const first = TASKS.findIndex((t) => !state.answers[t.id]);
  if (TASKS.length) { open(first < 0 ? 0 : first); tick(); } else say("There is nothing to review.");
});
