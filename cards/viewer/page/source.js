"use strict";
// Where clips come from: a server that runs beside this page.
const source = {
  sql: true, marks: true,
  async ask(path, fields) {
    const answer = await fetch(path + (fields ? "?" + fields : ""), { headers: { Accept: "application/json" } });
    const found = await answer.json().catch(() => ({ error: answer.statusText }));
    if (!answer.ok) throw new Error(found.error || answer.statusText);
    return found;
  },
  about() { return this.ask("api/about"); },
  clips(fields, offset, limit) {
    const more = new URLSearchParams(fields);
    more.set("offset", offset); more.set("limit", limit);
    return this.ask("api/clips", more);
  },
  facets(fields) { return this.ask("api/facets", fields); },
  clip(id) { return this.ask("api/clip/" + encodeURIComponent(id)); },
  wave(id) { return this.ask("wave/" + encodeURIComponent(id)); },
  picture(id, number) { return "picture/" + encodeURIComponent(id) + (number === undefined ? "" : "?n=" + number); },
  film(id) { return "film/" + encodeURIComponent(id); },
  async mark(said) {
    const answer = await fetch("api/mark", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(said) });
    if (!answer.ok) throw new Error("the mark was not kept: " + answer.statusText);
  },
};
