// The parts of a form: captions, grades, texts, tags, boxes and the timeline. Times of marks are times of the video.
const parts = (() => {
  let span = 0, axis = 0, slot = 0, from = null, label = 0;
  const line = FORM.timeline, TINY = 0.02;
  const clipTime = (s) => s - task().start_s;
  const labels = () => (line && line.labels.length ? line.labels : task().marks.map((m) => m.name));
  const graded = () => Boolean(line && line.grade);
  const mark = (name, more = {}) => ({ name, text: "", value: null, start_s: null, end_s: null, x: null, y: null, w: null, h: null, ...more });

  function given() {
    if (FORM.slots.length) return FORM.slots.flatMap(([name, s]) => Array.from({ length: Math.max(1, s.least) }, () => mark(name)));
    if (FORM.tags || graded() || (line && !line.inside && !FORM.kind.startsWith("moments"))) return task().marks.map((m) => ({ ...m }));
    return [];
  }
  function open() { span = axis = slot = label = 0; from = null; $("line").hidden = !line; if (FORM.boxes) seekFrame(); }
  function seekFrame() { video.pause(); video.onseeked = null; const s = task().frame_s === null ? length() / 2 : clipTime(task().frame_s);
    video.addEventListener("loadeddata", () => { video.pause(); video.currentTime = s; }, { once: true }); }

  // What is shown above the verdicts.
  function show() {
    const made = [];
    if (FORM.choice) made.push(el("h2", {}, "Which caption is best?"), ...task().texts.map((text, i) => option(text, i)));
    else if (task().texts.length && !FORM.text) made.push(el("h2", {}, HEADS[FORM.kind] || "The caption"), el("p", { className: "said" }, task().texts[0]));
    else if (ALONE[FORM.kind]) made.push(el("h2", {}, ALONE[FORM.kind]));
    if (FORM.text) made.push(...textBox());
    made.push(...FORM.axes.map(([name, a], i) => gradeRow(name, a, i)));
    if (FORM.slots.length) made.push(...FORM.slots.map(slotBox));
    if (FORM.tags) made.push(...tagRow());
    if (FORM.boxes) made.push(...boxRow());
    if (line) made.push(...(graded() ? gradeSpans() : spanList()));
    drawLine();
    drawBoxes();
    return made;
  }
  const ALONE = { spans: "Mark the part of each event that shows it best.", cuts: "Is each cut where it should be?", events: "Mark each event, and say what happens.", slots: "Describe the clip." };
  const HEADS = { moments: "Where is this true? Mark all of it.", saliency: "How good is each marked part for this?", tags: "Which tags are right?" };
  function option(text, i) {
    const made = el("button", { type: "button", className: "option", onclick: () => choose(i) }, el("kbd", {}, String(i + 1)), el("span", {}, text));
    made.setAttribute("aria-pressed", String(draft.choice === i + 1));
    return made;
  }
  function choose(i) { draft.choice = i + 1; if (draft.text.trim()) { draw(); return; } draft.verdict = "accept"; submit(); }
  function textBox() {
    const label_ = FORM.choice ? "None is quite right? Write a better one." : FORM.kind === "edit" ? "Correct the caption, or leave it as it is." : "The caption; correct it where it is nearly right.";
    const box = el("textarea", { value: draft.text, oninput: () => { draft.text = box.value; } });
    box.dataset.keep = "text"; box.setAttribute("aria-label", label_);
    return [el("h2", {}, label_, " ", el("kbd", {}, "E")), box];
  }
  function gradeRow(name, a, i) {
    const value = (draft.marks.find((m) => m.name === name) || { value: undefined }).value;
    const buttons = [];
    for (let n = a.low; n <= a.high; n++) buttons.push(button(a.labels[n - a.low] || String(n), a.labels.length ? String(n) : "", value === n, () => grade(i, n)));
    if (a.cannot_tell) buttons.push(button("Cannot tell", i === axis ? "C" : "", value === null, () => grade(i, null)));
    return el("fieldset", { className: i === axis ? "now" : "" }, el("legend", {}, a.question), el("div", { className: "row" }, ...buttons));
  }
  function grade(i, value) {
    const name = FORM.axes[i][0];
    draft.marks = FORM.axes.map(([other]) => (other === name ? mark(name, { value }) : draft.marks.find((m) => m.name === other))).filter(Boolean);
    axis = FORM.axes.findIndex(([other]) => !draft.marks.some((m) => m.name === other));
    if (axis < 0) { axis = Math.min(i + 1, FORM.axes.length - 1); if (draft.marks.length === FORM.axes.length && !state.answers[task().id]) { submit(); return; } }
    draw();
  }
  function slotBox([name, s]) {
    const mine = draft.marks.filter((m) => m.name === name);
    const rows = mine.map((m, i) => { const box = el("textarea", { className: "short", value: m.text, oninput: () => { m.text = box.value; } });
      box.dataset.keep = name + i; box.setAttribute("aria-label", `${s.question} ${i + 1}`); return box; });
    const more = mine.length < s.most ? [button("One more", "", null, () => { draft.marks.push(mark(name)); draw(); })] : [];
    return el("fieldset", {}, el("legend", {}, s.question + (s.most > 1 ? ` (${s.least} to ${s.most})` : "")), ...rows, ...more);
  }
  function tagRow() {
    const names = [...new Set([...task().marks.map((m) => m.name), ...draft.marks.map((m) => m.name)])];
    const chips = names.map((name, i) => button(name, i < 9 ? String(i + 1) : "", draft.marks.some((m) => m.name === name), () => flip(name)));
    const box = el("input", { placeholder: "another tag, Enter", maxLength: 100 });
    box.dataset.keep = "tag"; box.setAttribute("aria-label", "another tag");
    box.onkeydown = (event) => { if (event.key !== "Enter" || event.ctrlKey) return; const name = box.value.trim();
      if (name && !names.some((n) => n.toLowerCase() === name.toLowerCase())) draft.marks.push(mark(name)); box.value = ""; draw(); };
    return [el("div", { className: "row" }, ...chips), el("div", { className: "row" }, box, el("kbd", {}, "E"))];
  }
  function flip(name) {
    draft.marks = draft.marks.some((m) => m.name === name) ? draft.marks.filter((m) => m.name !== name) : [...draft.marks, mark(name)];
    draw();
  }
  // Spans and cuts.
  function spanList() {
    const all = labels();
    const names = all.length > 1 ? [el("div", { className: "row" }, ...all.map((name, i) => button(line.inside ? `${name}. ${task().marks[i].text}` : name, i < 9 ? String(i + 1) : "", i === label, () => { label = i; if (line.inside) jump(task().marks[i].start_s); draw(); })))] : [];
    const how = line.points ? [["i", "A cut here"]] : [["i", "Begins here"], ["o", "Ends here"]];
    const rows = draft.marks.map((m, i) => markRow(m, i));
    const used = covered(draft.marks), most = line.budget * length();
    const room = line.budget < 1 ? [el("p", {}, `${used.toFixed(1)} of ${most.toFixed(1)} s are used`)] : [];
    return [...names, el("div", { className: "row" }, ...how.map(([k, what]) => button(what, k.toUpperCase(), null, () => key(k)))), ...room, el("ul", { className: "marks" }, ...rows)];
  }
  function markRow(m, i) {
    const times = line.points ? time(clipTime(m.start_s)) : `${time(clipTime(m.start_s))} to ${time(clipTime(m.end_s))}`;
    const row = el("li", { className: i === span ? "now" : "" }, button(times, "", null, () => { span = i; jump(m.start_s); draw(); }), labels().length > 1 ? m.name : "");
    row.append(button("Remove", i === span ? "X" : "", null, () => remove(i)));
    if (line.text) { const box = el("textarea", { className: "short", value: m.text, placeholder: "what happens", oninput: () => { m.text = box.value; } }); box.dataset.keep = "event" + i; row.append(box); }
    return row;
  }
  function remove(i) { draft.marks.splice(i, 1); span = Math.max(0, Math.min(span, draft.marks.length - 1)); draw(); }
  function jump(s) { video.currentTime = Math.max(0, clipTime(s)); }
  const round = (s) => Math.round(s * 1000) / 1000;
  const frame = (s) => Math.round(s * task().fps) / task().fps;
  function put(startClip, endClip) {
    const grid = line.grid_s || 0, edge = (s, way) => (grid ? Math.min(length(), way(s / grid - (way === Math.floor ? -1e-6 : 1e-6)) * grid) : frame(s));
    const start_s = round(task().start_s + Math.max(0, edge(startClip, Math.floor)));
    const end_s = line.points ? null : round(task().start_s + Math.min(length(), edge(endClip, Math.ceil)));
    if (!line.points && end_s - start_s < TINY) { say("It ends before it begins."); return; }
    const made = mark(labels()[label] || "", { start_s, end_s });
    if (line.inside) draft.marks = draft.marks.filter((m) => m.name !== made.name);
    draft.marks = merge([...draft.marks, made]);
    span = draft.marks.findIndex((m) => m.start_s <= start_s && (line.points ? m.start_s === start_s : m.end_s >= end_s && m.name === made.name));
    if (line.inside && label < labels().length - 1) label++;
    from = null; say(""); draw();
  }
  function merge(marks) {
    const sorted = [...marks].sort((a, b) => a.start_s - b.start_s);
    if (!line.grid_s) return sorted.filter((m, i) => !line.points || !i || m.start_s !== sorted[i - 1].start_s);
    const out = [];
    for (const m of sorted) { const last = out.find((o) => o.name === m.name && m.start_s <= o.end_s + 1e-6); if (last) last.end_s = Math.max(last.end_s, m.end_s); else out.push({ ...m }); }
    return out;
  }
  function cell(s) { // a click on a cell puts it in or takes it out
    const n = Math.floor(s / line.grid_s + 1e-6), lo = round(task().start_s + n * line.grid_s), hi = round(Math.min(task().end_s, lo + line.grid_s));
    const name = labels()[label], held = draft.marks.find((m) => m.name === name && m.start_s <= lo + 1e-6 && m.end_s >= hi - 1e-6);
    if (!held) { put(n * line.grid_s, (n + 1) * line.grid_s); return; }
    const rest = [[held.start_s, lo], [hi, held.end_s]].filter(([a, b]) => b - a > TINY).map(([start_s, end_s]) => mark(name, { start_s, end_s }));
    draft.marks = merge([...draft.marks.filter((m) => m !== held), ...rest]); draw();
  }
  function gradeSpans() {
    const a = line.grade, m = draft.marks[span];
    if (!m) return [];
    const buttons = [];
    for (let n = a.low; n <= a.high; n++) buttons.push(button(a.labels[n - a.low] || String(n), String(n), m.value === n, () => gradeSpan(n)));
    if (a.cannot_tell) buttons.push(button("Cannot tell", "C", m.told && m.value === null, () => gradeSpan(null)));
    return [el("fieldset", { className: "now" }, el("legend", {}, `${a.question} ${span + 1} of ${draft.marks.length}, ${time(clipTime(m.start_s))} to ${time(clipTime(m.end_s))}`), el("div", { className: "row" }, ...buttons))];
  }
  function gradeSpan(value) {
    Object.assign(draft.marks[span], { value, told: true });
    if (span < draft.marks.length - 1) { span++; jump(draft.marks[span].start_s); draw(); return; }
    if (draft.marks.every((m) => m.told)) submit(); else draw();
  }
  function covered(marks) {
    let total = 0, until = -Infinity;
    for (const m of [...marks].sort((a, b) => a.start_s - b.start_s)) { total += Math.max(0, m.end_s - Math.max(m.start_s, until)); until = Math.max(until, m.end_s); }
    return total;
  }
  function drawLine() {
    if (!line) return;
    const at_ = (s) => (100 * clipTime(s)) / length() + "%", wide = (a, b) => (100 * (b - a)) / length() + "%";
    const made = [];
    for (let s = line.grid_s; line.grid_s && s < length(); s += line.grid_s) { const i = el("i"); i.style.left = (100 * s) / length() + "%"; made.push(i); }
    const boxes = [...(line.inside ? task().marks.map((m) => ["given", m]) : []), ...draft.marks.map((m, i) => [i === span ? "now" : "", m])];
    for (const [kind, m] of boxes) {
      const b = el("b", { className: kind }, graded() ? (m.value ?? (m.told ? "?" : "")) + "" : labels().length > 1 ? m.name : "");
      b.style.left = at_(m.start_s); b.style.width = m.end_s === null ? "3px" : wide(m.start_s, m.end_s);
      made.push(b);
    }
    $("line").replaceChildren(...made, el("s"), el("u"));
  }
  function moved() {
    if (line) {
      const head = $("line").querySelector("u"), open_ = $("line").querySelector("s");
      if (head) head.style.left = (100 * now()) / length() + "%";
      if (open_) { open_.style.left = (100 * (from ?? 0)) / length() + "%"; open_.style.width = from === null ? "0" : (100 * Math.max(0, now() - from)) / length() + "%"; }
      const m = graded() ? draft.marks[span] : null;
      if (m && !video.paused && (now() > clipTime(m.end_s) || now() < clipTime(m.start_s) - 0.3)) jump(m.start_s);
    }
    if (FORM.boxes) placeOverlay();
  }
  $("line").onclick = (event) => {
    const box = $("line").getBoundingClientRect(), s = ((event.clientX - box.left) / box.width) * length();
    if (line.grid_s && !graded()) cell(s); else video.currentTime = s;
  };
  // Boxes.
  function boxRow() {
    const names = FORM.boxes.length > 1 ? [el("div", { className: "row" }, ...FORM.boxes.map((name, i) => button(name, String(i + 1), i === label, () => { label = i; draw(); })))] : [];
    return [el("h2", {}, "Draw a box around each."), ...names, el("ul", { className: "marks" }, ...draft.marks.map((m, i) => el("li", { className: i === span ? "now" : "" }, m.name, button("Remove", i === span ? "X" : "", null, () => remove(i)))))];
  }
  function placeOverlay() {
    const stage = $("stage").getBoundingClientRect(), v = video.getBoundingClientRect(), shape = video.videoWidth / video.videoHeight || 1;
    const width = Math.min(v.width, v.height * shape), height = width / shape, over = $("overlay").style;
    over.display = "block"; over.width = width + "px"; over.height = height + "px";
    over.left = v.left - stage.left + (v.width - width) / 2 + "px"; over.top = v.top - stage.top + (v.height - height) / 2 + "px";
  }
  function drawBoxes() {
    if (!FORM.boxes) return;
    $("overlay").replaceChildren(...draft.marks.map((m) => { const b = el("b", {}, m.name); Object.assign(b.style, { left: 100 * m.x + "%", top: 100 * m.y + "%", width: 100 * m.w + "%", height: 100 * m.h + "%" }); return b; }));
  }
  let corner = null;
  const spot = (event) => { const o = $("overlay").getBoundingClientRect(), in_ = (v) => Math.max(0, Math.min(1, v)); return [in_((event.clientX - o.left) / o.width), in_((event.clientY - o.top) / o.height)]; };
  $("overlay").onpointerdown = (event) => { video.pause(); corner = spot(event); $("overlay").setPointerCapture(event.pointerId); };
  $("overlay").onpointerup = (event) => {
    if (!corner) return;
    const [x2, y2] = spot(event), [x1, y1] = corner;
    corner = null;
    if (Math.abs(x2 - x1) < 0.01 || Math.abs(y2 - y1) < 0.01) return;
    const fix = (v) => Math.round(v * 1e4) / 1e4;
    draft.marks.push(mark(FORM.boxes[label] || "object", { start_s: round(task().start_s + now()), x: fix(Math.min(x1, x2)), y: fix(Math.min(y1, y2)), w: fix(Math.abs(x2 - x1)), h: fix(Math.abs(y2 - y1)) }));
    span = draft.marks.length - 1; draw();
  };
  // Keys of the parts; true for one that was meant for them.
  function key(name) {
    const digit = /^[0-9]$/.test(name) ? Number(name) : -1;
    if (name === "e") { const box = document.querySelector("#question textarea, #question input"); if (box) { box.focus(); return true; } }
    if (digit >= 0) return digits(digit);
    if (name === "c" && FORM.axes.length && FORM.axes[axis][1].cannot_tell) { grade(axis, null); return true; }
    if (name === "c" && graded() && line.grade.cannot_tell) { gradeSpan(null); return true; }
    if (line && !graded()) {
      if (name === "i") { if (line.points) put(now(), now()); else { from = now(); say(""); } return true; }
      if (name === "o" && !line.points) { if (from === null) say("First I where it begins."); else put(from, now()); return true; }
    }
    if ((line || FORM.boxes) && !graded() && name === "x" && draft.marks.length) { remove(span); return true; }
    if (graded() && name === "x" && span > 0) { span--; jump(draft.marks[span].start_s); draw(); return true; }
    return false;
  }
  function digits(n) {
    if (FORM.choice && n >= 1 && n <= task().texts.length) choose(n - 1);
    else if (FORM.axes.length && n >= FORM.axes[axis][1].low && n <= FORM.axes[axis][1].high) grade(axis, n);
    else if (graded() && n >= line.grade.low && n <= line.grade.high) gradeSpan(n);
    else if (FORM.tags && n >= 1) { const chip = document.querySelectorAll("#question .row:first-of-type button")[n - 1]; if (chip) chip.click(); }
    else if ((line || FORM.boxes) && n >= 1 && n <= (line ? labels() : FORM.boxes).length) { label = n - 1; draw(); }
    else return false;
    return true;
  }
  // The answer as it will be kept; what is wrong with it in words, or nothing.
  function settle() {
    draft.text = draft.text.trim();
    if (draft.verdict === "reject" || draft.verdict === "cannot_tell") return "";
    if (FORM.text || FORM.choice) return settleText();
    draft.verdict = "mark";
    if (FORM.axes.length && draft.marks.length < FORM.axes.length) return "A grade is missing.";
    if (FORM.slots.length) { draft.marks = draft.marks.filter((m) => (m.text = m.text.trim())); return settleSlots(); }
    if (line && graded() && !draft.marks.every((m) => m.told)) return "A grade is missing.";
    if (line && draft.marks.length < line.least) return "Nothing is marked.";
    if (line && line.text && draft.marks.some((m) => !m.text.trim())) return "An event has no text.";
    if (line && !line.points && covered(draft.marks) > line.budget * length() + TINY) return "The spans are too long together.";
    if (line && line.inside) { const out = draft.marks.find((m) => { const g = task().marks.find((o) => o.name === m.name); return m.start_s < g.start_s - TINY || m.end_s > g.end_s + TINY; }); if (out) return `The part of ${out.name} is not inside it.`; }
    draft.marks.forEach((m) => delete m.told);
    return "";
  }
  function settleText() {
    const own = draft.text && (FORM.choice || draft.text !== (task().texts[0] || "").trim());
    if (FORM.choice) {
      if (!own && !draft.choice) return "Choose one, or say that all are bad.";
      draft.verdict = own ? "edit" : "accept";
      return "";
    }
    if (own) { draft.verdict = "edit"; draft.choice = 1; return ""; }
    if (FORM.kind === "edit" || draft.verdict === "accept") { draft.verdict = "accept"; draft.text = ""; draft.choice = 1; return ""; }
    return "Say whether it is right, or correct it.";
  }
  function settleSlots() {
    for (const [name, s] of FORM.slots) { const n = draft.marks.filter((m) => m.name === name).length; if (n < s.least || n > s.most) return `${s.question}: ${s.least} to ${s.most} texts.`; }
    return "";
  }
  function help() {
    const lines = [];
    if (FORM.choice) lines.push(["1 … 9", "choose"]);
    if (FORM.axes.length || graded()) lines.push(["digit", "grade"]);
    if (FORM.tags) lines.push(["1 … 9", "tag on, off"]);
    if (FORM.text || FORM.tags || FORM.slots.length) lines.push(["E", "write"]);
    if (line && !graded()) lines.push(["I O", line.points ? "a cut here" : "begins, ends here"], ["X", "remove"]);
    return [...lines, ...FORM.verdicts.filter((v) => LETTERS[v]).map((v) => [LETTERS[v], WORDS[v]().toLowerCase()])];
  }
  const unsure = () => Boolean(FORM.axes.length || (graded() && line.grade.cannot_tell));
  return { given, open, draw: show, moved, key, settle, help, unsure };
})();
