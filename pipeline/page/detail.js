// A cell in full: made when it is opened.
function section(title, ...children) { return [make("h3", {}, title), ...children]; }

function facts(pairs) {
  const made = make("dl", { className: "facts" });
  for (const [name, value] of pairs) if (value) made.append(make("dt", {}, name), make("dd", {}, value));
  return made;
}

function ladder(cell) {
  const rank = (name) => D.rungs.indexOf(named(cell, name));
  const booted = Boolean(named(cell, "observed"));
  const reached = rank(booted ? "observed" : "predicted");
  const made = make("ol", { className: "ladder" });
  D.rungs.forEach((rung, place) => {
    if (place === 0) return;
    const state = place <= reached ? (booted ? "reached" : "promised") : place <= rank("required") ? "missed" : "";
    const marks = ["required", "predicted", "observed"].filter((name) => named(cell, name) === rung);
    const words = [state === "missed" ? "missed" : state, ...marks].filter(Boolean).join(", ");
    made.append(make("li", { className: state }, rung, make("small", {}, words || "not required")));
  });
  return made;
}

function log(piece, number, cell) {
  const [file, first, meant, lines] = piece;
  const made = make("pre", { tabIndex: 0, id: `log-${number}` });
  list(lines).forEach((line, offset) => {
    made.append(make("span", { className: first + offset === meant ? "row hit" : "row" }, `${String(first + offset).padStart(5)}  ${line}`));
  });
  const path = `cells/${named(cell, "cell")}/${text(file)}`;
  const title = D.run.base
    ? make("a", { href: D.run.base + path.split("/").map(encodeURIComponent).join("/") }, text(file)) : text(file);
  return make("figure", {}, make("figcaption", { className: "soft" }, title, `, line ${meant}`), made);
}

function evidence(cell) {
  const pieces = cell.logs.map((place) => D.logs[place]);
  const made = make("ul");
  list(cell.evidence).forEach((line) => {
    const number = pieces.findIndex((piece) => line.startsWith(`${text(piece[0])}:${piece[2]}: `));
    const item = make("li", {}, make("code", {}, line));
    if (number >= 0) {
      const link = make("button", { type: "button", className: "small" }, "in the log");
      link.addEventListener("click", () => $(`log-${number}`).focus());
      item.append(" ", link);
    }
    made.append(item);
  });
  return [made, ...pieces.map((piece, number) => log(piece, number, cell))];
}

function optionTable(cell) {
  const body = make("tbody");
  for (const line of list(cell.options)) {
    const [symbol, asked, got] = line.split(/\s+/);
    const mark = asked === got ? "" : "≠";
    body.append(make("tr", {}, make("th", { scope: "row" }, symbol), make("td", {}, asked), make("td", {}, got), make("td", {}, mark)));
  }
  return titled(["option", "asked", "got", ""], body);
}

function titled(names, body) {
  const head = make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)));
  return make("div", { className: "scroll", tabIndex: 0 }, make("table", {}, make("thead", {}, head), body));
}

// Hundreds of rows at times: they are made when they are asked for.
function configDiff(cell) {
  const changes = D.lists[cell.changes].map((place) => D.changes[place]);
  const made = make("details", {}, make("summary", {}, `${changes.length} options came out otherwise than asked`));
  made.addEventListener("toggle", () => {
    if (made.children.length > 1) return;
    const body = make("tbody");
    for (const [symbol, asked, got, kind, cause, where, line, warning] of changes) {
      const why = make("td", {}, `${text(kind)}: ${text(cause)}`);
      if (text(where)) why.append(make("br"), make("code", {}, `${text(where)}: ${text(line)}`));
      if (text(warning)) why.append(make("br"), make("span", { className: "soft" }, `printed: ${text(warning)}`));
      body.append(make("tr", {}, make("th", { scope: "row" }, text(symbol)), make("td", {}, text(asked)), make("td", {}, text(got)), why));
    }
    made.append(titled(["option", "asked", "got", "why"], body));
  });
  return made;
}

function openCell(cell) {
  $("detail-title").textContent = named(cell, "cell");
  const outcome = named(cell, "outcome");
  const verdict = make("p", {}, make("span", { className: `tile ${outcome} ${named(cell, "status")}`, "aria-hidden": "true" }, GLYPHS[outcome]));
  verdict.append(` ${named(cell, "status")}: ${named(cell, "story")}`);
  const seconds = Object.entries(cell.seconds).map(([stage, value]) => `${stage} ${value.toFixed(0)} s`).join(", ");
  const explained = list(cell.explain);
  const qemu = text(cell.qemu);
  $("detail-body").replaceChildren(
    verdict,
    facts([
      ["outcome", outcome], ["class", named(cell, "class")], ["told", named(cell, "loudness")], ["reason", named(cell, "reason")],
      ["tree", named(cell, "source")], ["config", named(cell, "config_origin")], ["kernel", named(cell, "kernel")], ["took", seconds],
    ]),
    ...section("Ladder", ladder(cell)),
    ...(list(cell.evidence).length + cell.logs.length ? section("Evidence", ...evidence(cell)) : []),
    ...section("Explain", make("pre", { tabIndex: 0, className: "wrap" }, explained.join("\n") || "no option of the intent came out otherwise than it was asked to be")),
    ...section("Options", optionTable(cell), configDiff(cell)),
    ...(qemu ? section("QEMU", make("pre", { tabIndex: 0, className: "wrap" }, qemu)) : []),
    ...section("Again", make("pre", { tabIndex: 0, className: "wrap" }, list(cell.again).join("\n"))),
    ...section("Tools", make("pre", { tabIndex: 0, className: "wrap" }, list(cell.tools).join("\n") || "none was needed")),
  );
  history.replaceState(null, "", `#${encodeURIComponent(named(cell, "cell"))}`);
  if (!$("detail").open) $("detail").showModal();
  $("detail").scrollTop = 0;
  $("detail-title").focus();
}

function byHash() {
  let wanted = "";
  try { wanted = decodeURIComponent(location.hash.slice(1)); } catch { return; }
  const cell = D.cells.find((one) => named(one, "cell") === wanted);
  if (cell) openCell(cell);
}
