"use strict";
// The page of a run: every text is put in as text, and nothing is fetched.
const D = JSON.parse(document.getElementById("data").textContent);
const text = (place) => D.texts[place];
const list = (place) => D.lists[place].map(text);
const $ = (id) => document.getElementById(id);
const GLYPHS = { kept: "✓", lost: "✗", gained: "+", "same-off": "–", contradiction: "≠", unknown: "?" };
const STATUSES = { PASS: "as expected", FAIL: "not as expected", ERROR: "we failed", SKIP: "could not be tried" };

function make(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function named(cell, name) { return text(cell[name]); }
const distinct = (name) => [...new Set(D.cells.map((cell) => named(cell, name)))];
const varying = ["toolchain", "machine"].filter((name) => distinct(name).length > 1);
const column = (cell) => ["policy", ...varying].map((name) => named(cell, name)).join(" · ");
const shown = (cell) => named(cell, "observed") || `(${named(cell, "predicted")})`;
const told = (cell) => `${named(cell, "outcome")}, ${named(cell, "status")}, ${shown(cell)}`;

function tile(cell) {
  const outcome = named(cell, "outcome");
  const label = `${named(cell, "variant")}, ${named(cell, "config")}, ${column(cell)}: ${told(cell)}`;
  const made = make("button", {
    type: "button", className: `tile ${outcome} ${named(cell, "status")}`, textContent: GLYPHS[outcome], title: label,
    "aria-label": label, tabIndex: -1,
  });
  made.addEventListener("click", () => openCell(cell));
  cell.tile = made;
  return made;
}

const columns = [...new Set(D.cells.map(column))];
const rows = [];

function matrix() {
  const head = make("tr", {}, make("th", { scope: "col" }, "config"));
  for (const name of columns) head.append(make("th", { scope: "col", title: name }, make("span", {}, name)));
  const table = make("table", { "aria-labelledby": "matrix-title" }, make("thead", {}, head));
  for (const [variant, cells] of grouped(D.cells, "variant")) {
    const title = make("th", { className: "group", scope: "rowgroup", colSpan: columns.length + 1 }, variant);
    title.append(make("small", {}, named(cells[0], "source")));
    const body = make("tbody", {}, make("tr", {}, title));
    for (const [config, ones] of grouped(cells, "config")) {
      const places = new Map(ones.map((one) => [column(one), one]));
      const line = make("tr", {}, make("th", { scope: "row", title: config }, config));
      const tiles = [];
      for (const name of columns) {
        const one = places.get(name);
        line.append(make("td", {}, ...(one ? [tile(one)] : [])));
        tiles.push(one || null);
      }
      rows.push({ line, body, cells: tiles });
      body.append(line);
    }
    table.append(body);
  }
  $("matrix").replaceChildren(table);
  if (D.cells.length) D.cells[0].tile.tabIndex = 0;
}

function grouped(cells, name) {
  const found = new Map();
  for (const one of cells) {
    const key = named(one, name);
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(one);
  }
  return found;
}

function matches(cell, wanted) {
  if (wanted.variant && named(cell, "variant") !== wanted.variant && named(cell, "variant") !== wanted.other) return false;
  if (wanted.outcome && named(cell, "outcome") !== wanted.outcome) return false;
  if (wanted.status && named(cell, "status") !== wanted.status) return false;
  if (!wanted.search) return true;
  cell.words ??= ["cell", "story", "class", "outcome", "status"].map((name) => named(cell, name)).join("\n").toLowerCase();
  return wanted.search.split(/\s+/).every((word) => cell.words.includes(word));
}

function filter() {
  const wanted = { search: $("search").value.trim().toLowerCase() };
  for (const name of ["variant", "outcome", "status", "other"]) wanted[name] = $(name).value;
  let count = 0;
  const bodies = new Map();
  for (const row of rows) {
    let some = false;
    for (const cell of row.cells) {
      if (!cell) continue;
      const fits = matches(cell, wanted);
      cell.tile.classList.toggle("dim", !fits);
      some ||= fits;
      count += fits;
    }
    row.line.hidden = !some;
    bodies.set(row.body, bodies.get(row.body) || some);
  }
  for (const [body, some] of bodies) body.hidden = !some;
  $("count").textContent = `${count} of ${D.cells.length} cells`;
  focusable();
  compare(wanted.variant, wanted.other);
}

// One tile at a time takes the focus; the arrow keys move it, as in a grid.
function focusable() {
  const there = rows.flatMap((row) => row.cells).filter((cell) => cell && !cell.tile.classList.contains("dim"));
  for (const cell of D.cells) cell.tile.tabIndex = -1;
  if (there.length) there[0].tile.tabIndex = 0;
}

function arrows(event) {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!step || !event.target.classList.contains("tile")) return;
  let y = rows.findIndex((row) => row.cells.some((cell) => cell && cell.tile === event.target));
  const x = rows[y].cells.findIndex((cell) => cell && cell.tile === event.target);
  const there = (row) => (row.line.hidden ? [] : row.cells.map((cell, place) => [cell, place]))
    .filter(([cell]) => cell && !cell.tile.classList.contains("dim"));
  let found;
  if (step[1]) found = there(rows[y]).filter(([, place]) => (place - x) * step[1] > 0).sort((a, b) => (a[1] - b[1]) * step[1])[0];
  // up and down: the next row that has a cell to show, and in it the nearest column
  for (y += step[0]; step[0] && !found && rows[y]; y += step[0]) {
    [found] = there(rows[y]).sort((a, b) => Math.abs(a[1] - x) - Math.abs(b[1] - x));
  }
  if (found) {
    event.target.tabIndex = -1;
    found[0].tile.tabIndex = 0;
    found[0].tile.focus();
  }
  event.preventDefault();
}

function compare(left, right) {
  const place = $("compare");
  place.hidden = !left || !right || left === right;
  if (place.hidden) return;
  const rest = (cell) => named(cell, "cell").split("/").slice(1).join("/");
  const others = new Map(D.cells.filter((one) => named(one, "variant") === right).map((one) => [rest(one), one]));
  const body = make("tbody");
  let count = 0;
  for (const one of D.cells.filter((cell) => named(cell, "variant") === left)) {
    const other = others.get(rest(one));
    if (!other) continue;
    count += 1;
    if (told(one) !== told(other)) {
      body.append(make("tr", {}, make("th", { scope: "row" }, rest(one)), make("td", {}, opener(one)), make("td", {}, opener(other))));
    }
  }
  $("compare-title").textContent = `${left} and ${right}: ${body.children.length} of ${count} common cells differ`;
  const head = make("tr", {}, ...["cell", left, right].map((name) => make("th", { scope: "col" }, name)));
  place.querySelector("div").replaceChildren(make("table", {}, make("thead", {}, head), body));
}

function opener(cell) {
  const outcome = named(cell, "outcome");
  const made = make("button", { type: "button", className: outcome }, `${GLYPHS[outcome]} ${told(cell)}`);
  made.addEventListener("click", () => openCell(cell));
  return made;
}

function start() {
  for (const name of ["variant", "outcome", "status"]) {
    for (const value of distinct(name)) $(name).append(make("option", { value }, value));
  }
  for (const value of distinct("variant")) $("other").append(make("option", { value }, value));
  for (const [outcome, glyph] of Object.entries(GLYPHS)) {
    $("legend").append(make("li", {}, make("span", { className: `tile ${outcome}`, "aria-hidden": "true" }, glyph), outcome));
  }
  for (const [status, meaning] of Object.entries(STATUSES)) {
    if (status === "PASS") continue;
    $("legend").append(make("li", {}, make("span", { className: `tile ${status}`, "aria-hidden": "true" }), `${status}: ${meaning}`));
  }
  matrix();
  timeline();
  $("filters").addEventListener("input", filter);
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("matrix").addEventListener("keydown", arrows);
  $("close").addEventListener("click", () => $("detail").close());
  $("detail").addEventListener("close", () => history.replaceState(null, "", "#"));
  filter();
  addEventListener("hashchange", byHash);
  byHash();
}
