"use strict";
// One clip: film, pictures, sound, captions, and where all of it came from.
const $ = (id) => document.getElementById(id);
function el(tag, props = {}, ...children) {
  const made = Object.assign(document.createElement(tag), props);
  made.append(...children);
  return made;
}
const round = (value) => Number(Number(value).toPrecision(4)).toString();
const seconds = (s) => (s >= 60 ? `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}` : s.toFixed(1) + " s");
const part = (name, ...children) => el("section", { className: "part" }, el("h3", {}, name), ...children);

const clipPage = {
  id: "", film: null, span: null,
  async open(id, anew) {
    if (this.id === id && !anew && $("clip").open) return;
    this.id = id;
    let found;
    try { found = await source.clip(id); } catch (error) { say(error.message); return; }
    if (this.id !== id) return;
    this.draw(found);
    if (!$("clip").open) { $("clip").showModal(); $("clip").focus(); $("clip").onclose = () => { if (state.get("clip")) show((s) => s.delete("clip")); }; }
    $("clip").scrollTop = 0;
    if (!$("clip").contains(document.activeElement)) $("clip").focus();
  },
  close() { this.id = ""; this.film?.pause(); if ($("clip").open) $("clip").close(); },
  keys: {
    " ": () => { const film = clipPage.film; if (film) film.paused ? film.play() : film.pause(); },
    e: () => $("better")?.focus(), n: () => $("note")?.focus(),
  },
  draw(found) {
    const { clip } = found;
    const head = el("header", {}, el("h2", {}, found.video.title || clip.video_id, el("span", { className: "soft" }, ` ${seconds(clip.start_s)} to ${seconds(clip.end_s)} · ${clip.state}`)),
      el("button", { type: "button", onclick: () => neighbour(-1), title: "Left arrow" }, "Previous"), el("button", { type: "button", onclick: () => neighbour(1), title: "Right arrow" }, "Next"),
      el("button", { type: "button", onclick: () => $("clip").close(), title: "Esc" }, "Close"));
    const left = el("div", {}, ...this.look(found)), right = el("div", {}, ...this.read(found));
    $("clip").replaceChildren(head, el("div", { className: "two" }, left, right));
  },
  look(found) {
    const { clip, played } = found, made = [];
    this.span = played;
    this.film = null;
    if (played && clip.kind === "video") {
      this.film = el("video", { controls: true, playsInline: true, src: source.film(clip.clip_id) });
      const film = this.film, { start_s: start, end_s: end } = played;
      film.onloadedmetadata = () => { film.currentTime = start; };
      film.ontimeupdate = () => { if (film.currentTime >= end - 0.02 && film.duration > end + 0.1) { film.pause(); film.currentTime = start; } drawWave(); };
      film.onerror = () => film.replaceWith(el("p", { className: "soft" }, "This browser cannot play the file."));
      made.push(film);
    } else made.push(el("p", { className: "soft" }, clip.kind === "text" ? "A text without pictures." : clip.kind === "image" ? "" : "The film is not here: its pictures were stored."));
    if (clip.kind === "image") made.push(el("img", { src: source.picture(clip.clip_id), alt: clip.caption || "", style: "max-width:100%" }));
    if (found.frames.length) made.push(el("div", { className: "strip" }, ...found.frames.map((time, n) => {
      const shown = seconds(time - clip.start_s);
      return el("button", { type: "button", title: shown, onclick: () => this.seek(time - clip.start_s) }, el("img", { src: source.picture(clip.clip_id, n), alt: "picture at " + shown, loading: "lazy" }));
    })));
    const canvas = el("canvas", { hidden: true, ariaLabel: "sound" });
    let peaks = [];
    const drawWave = () => this.wave(canvas, peaks);
    canvas.onclick = (event) => this.seek((event.offsetX / canvas.clientWidth) * clip.duration_s);
    if (played) source.wave(clip.clip_id).then((values) => { peaks = values; canvas.hidden = !values.length; drawWave(); }, () => {});
    made.push(canvas);
    if (found.segments.length) made.push(part("What is said", ...found.segments.map((one) => el("p", {}, el("button", { type: "button", onclick: () => this.seek(one.start_s - clip.start_s) }, seconds(Math.max(0, one.start_s - clip.start_s))), " ", one.text, one.doubt ? el("small", { className: "soft" }, ` (${one.doubt})`) : ""))));
    if (found.evidence.length) made.push(part("What models saw", ...evidence(found.evidence[0])));
    return made;
  },
  seek(time) { if (this.film && this.span) { this.film.currentTime = this.span.start_s + Math.max(0, time); this.film.play().catch(() => {}); } },
  wave(canvas, peaks) {
    if (!peaks.length || canvas.hidden) return;
    const width = (canvas.width = canvas.clientWidth), height = (canvas.height = canvas.clientHeight), pen = canvas.getContext("2d");
    const ink = getComputedStyle(document.body);
    pen.fillStyle = ink.getPropertyValue("--strong");
    peaks.forEach((peak, i) => { const high = Math.max(1, Math.sqrt(peak) * height); pen.fillRect((i * width) / peaks.length, (height - high) / 2, Math.max(1, width / peaks.length - 0.5), high); });
    if (this.film && this.span) { pen.fillStyle = ink.getPropertyValue("--bad"); pen.fillRect(((this.film.currentTime - this.span.start_s) / (this.span.end_s - this.span.start_s)) * width, 0, 2, height); }
  },
  read(found) {
    const { clip } = found, made = [];
    if (source.marks) made.push(this.marks(found));
    const tags = found.tags.find((one) => found.captions.some((caption) => caption.chosen && caption.caption_id === one.caption_id)) || found.tags[0];
    const captions = found.captions.map((one) => el("div", { className: "caption" + (one.chosen ? " won" : "") + (one.dropped ? " gone" : "") },
      one.chosen ? el("b", {}, "chosen ") : "", el("small", {}, [one.teacher, one.kind === "teacher" ? "" : one.kind, one.start_s === null ? "" : `${round(one.start_s)} to ${round(one.end_s)} s`].filter(Boolean).join(" · ")),
      el("p", {}, ...(one.chosen && tags ? tagged(one.text, tags.mentions || []) : [one.text])), el("small", {}, [one.dropped, one.finding, ...Object.entries(one.scores).map(([name, value]) => `${name} ${value === null ? "—" : round(value)}`)].filter(Boolean).join(" · "))));
    made.push(part(found.captions.length === 1 ? "1 caption" : `${found.captions.length} captions`, ...(captions.length ? captions : [el("p", {}, "none")])));
    if (tags) made.push(part("Tags", el("p", {}, tags.objects.join(", ")), el("p", { className: "soft" }, (tags.pairs || []).map((pair) => `${pair.attribute} ${pair.object}`).join(", ")), el("p", { className: "soft" }, (tags.relations || []).map((one) => `${one.subject} ${one.relation} ${one.object}`).join("; "))));
    if (found.scores.length) made.push(part("Scores of the clip", table(found.scores.map((one) => [one.name, one.value === null ? "—" : round(one.value), one.note || one.model]))));
    if (found.verdicts.length || found.errors.length) made.push(part("Why it left", table([...found.verdicts.map((one) => [one.step, one.reason, one.detail]), ...found.errors.map((one) => [one.step, one.kind, one.message])])));
    if (found.reviews.length) made.push(part("What people said", table(found.reviews.map((one) => [one.kind, one.verdict, one.text]))));
    made.push(part("How it came about", table(found.steps.map((one) => [one.step, one.rows, one.table]))));
    const video = found.video, link = /^https?:\/\//.test(video.uri || "") ? el("a", { href: video.uri, target: "_blank", rel: "noreferrer noopener" }, video.uri) : video.uri || "";
    made.push(part("Source", table([["from", link], ["licence", video.license || "unknown"], ["uploader", video.uploader], ["picture", video.width_px ? `${video.width_px} × ${video.height_px}, ${round(video.fps || 0)} fps, ${video.video_codec}` : ""], ["clip", clip.clip_id]].filter(([, value]) => value))));
    return made;
  },
  marks(found) {
    const old = found.mark || {}, id = found.clip.clip_id;
    const person = el("input", { id: "person", placeholder: "your name", maxLength: 80, value: localStorage.getItem("person") || "", ariaLabel: "your name" });
    person.onchange = () => localStorage.setItem("person", person.value.trim());
    const better = el("textarea", { id: "better", value: old.caption || "", placeholder: "a better caption", ariaLabel: "a better caption" });
    const note = el("textarea", { id: "note", value: old.note || "", placeholder: "a note", ariaLabel: "a note" });
    const send = (value) => mark(id, { mark: value, caption: better.value.trim(), note: note.value.trim() });
    const press = (value, text, key) => { const made = el("button", { type: "button", onclick: () => { send(value); old.mark = value; buttons.forEach((one) => one.setAttribute("aria-pressed", String(one.dataset.value === value))); } }, text + " ", el("kbd", {}, key)); made.dataset.value = value; made.setAttribute("aria-pressed", String((old.mark || "") === value)); return made; };
    const buttons = [press("keep", "Keep", "K"), press("drop", "Drop", "D"), press("", "No mark", "U")];
    better.onchange = note.onchange = () => send(old.mark || "");
    return part("Your mark", el("div", { className: "row" }, ...buttons, person), better, note);
  },
};
function tagged(text, mentions) { // places are counted in code points
  const signs = Array.from(text), made = [];
  let at = 0;
  for (const one of [...mentions].sort((a, b) => a.start - b.start)) {
    if (one.start < at || one.end > signs.length) continue;
    made.push(signs.slice(at, one.start).join(""), el("mark", { className: one.kind, title: `${one.kind}: ${one.tag}` }, signs.slice(one.start, one.end).join("")));
    at = one.end;
  }
  return [...made, signs.slice(at).join("")];
}
function table(rows) { return el("table", {}, el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, cell === null || cell === undefined ? "" : cell)))))); }
function evidence(seen) {
  const list = (name, values) => (values && values.length ? el("p", {}, el("span", { className: "soft" }, name + ": "), values.join(", ")) : "");
  return [list("objects", [...new Set((seen.boxes || []).map((box) => box.name))]), list("labels", (seen.labels || []).slice(0, 3).map((one) => `${one.name} ${round(one.score)}`)), list("colours", seen.colours), list("text on screen", seen.texts), list("sounds", (seen.sounds || []).slice(0, 5).map((one) => one.name))];
}
