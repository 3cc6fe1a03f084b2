"use strict";
// Where clips come from: files beside this page, written by `cliploom view --export`. The same answers as the server's.
const source = {
  sql: false, marks: false, waiting: new Map(),
  async about() { return DATA.about; },
  select(fields, without) {
    const wanted = new Map();
    for (const [name, value] of fields) if (name !== without && !["sort", "text"].includes(name)) wanted.set(name, [...(wanted.get(name) || []), value]);
    const words = (fields.get("text") || "").toLowerCase().split(/\s+/).filter(Boolean);
    const tests = [...wanted].map(([name, values]) => {
      const column = DATA.about.columns.find((one) => one.name === name);
      if (!column) return () => true;
      if (column.kind === "number") { const [low, high] = values[0].split(".."); return (row) => row[name] !== null && (!low || row[name] >= Number(low)) && (!high || row[name] <= Number(high)); }
      return (row) => [row[name]].flat().some((value) => values.includes(value));
    });
    return DATA.rows.filter((row) => words.every((word) => row._text.includes(word)) && tests.every((test) => test(row)));
  },
  async clips(fields, offset, limit) {
    const found = this.select(fields), name = (fields.get("sort") || "").replace(/^-/, ""), sign = (fields.get("sort") || "").startsWith("-") ? -1 : 1;
    if (name) found.sort((a, b) => (a[name] === null) - (b[name] === null) || sign * (a[name] - b[name]));
    return { total: found.length, clips: found.slice(offset, offset + limit) };
  },
  async facets(fields) {
    return Object.fromEntries(DATA.about.columns.map((column) => {
      const values = this.select(fields, column.name).flatMap((row) => row[column.name]);
      if (column.kind !== "number") {
        const counts = new Map();
        for (const value of values) counts.set(value, (counts.get(value) || 0) + 1);
        return [column.name, [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 40)];
      }
      const bins = new Array(DATA.bins).fill(0);
      for (const value of values) if (value !== null) bins[Math.min(DATA.bins - 1, Math.floor(((value - column.low) / (column.high - column.low)) * DATA.bins))]++;
      return [column.name, bins];
    }));
  },
  number(id) { return DATA.rows.findIndex((row) => row.clip_id === id); },
  clip(id) { // each clip is a script of its own: pages opened from a folder may load nothing else
    const number = this.number(id);
    if (number < 0) return Promise.reject(new Error("there is no clip " + id));
    return new Promise((resolve, reject) => {
      this.waiting.set(number, resolve);
      const script = document.createElement("script");
      script.src = `clips/${number}.js`;
      script.onload = () => script.remove();
      script.onerror = () => reject(new Error("the clip's file is not here"));
      document.head.append(script);
    });
  },
  receive(number, found) { this.waiting.get(number)?.(found); },
  async wave(id) { return (await this.clip(id)).wave; },
  picture(id, number) { return `pictures/${this.number(id)}${number === undefined ? "" : "-" + number}.jpg`; },
  film(id) { return `films/${this.number(id)}.mp4`; },
};
