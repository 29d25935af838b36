// When each kernel was built and booted; where a run does not say when, how long it took.
function works() {
  const found = new Map();
  for (const cell of [...D.controls, ...D.cells]) {
    for (const stage of ["build", "boot"]) {
      const took = cell.seconds[stage] || 0;
      const kernel = named(cell, "kernel") || named(cell, "cell");
      if (!took && !cell.spans[stage]) continue;
      const key = `${stage} ${kernel} ${stage === "boot" ? named(cell, "machine") : ""}`;
      const known = found.get(key) || { stage, name: named(cell, "cell"), took: 0, count: 0, span: cell.spans[stage] };
      known.took += took;
      known.count += 1;
      found.set(key, known);
    }
  }
  return [...found.values()];
}

function bar(stage, left, width) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 1000 10");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  for (const [name, x, wide] of [["ground", 0, 1000], [stage, left * 1000, Math.max(2, width * 1000)]]) {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [key, value] of Object.entries({ class: name, x, y: 0, width: wide, height: 10 })) rect.setAttribute(key, value);
    svg.append(rect);
  }
  return svg;
}

function timeline() {
  const listed = works();
  if (!listed.length) {
    $("timeline").append(make("p", { className: "soft" }, "Nothing was built or booted in this run: all of it was known before, or it ended earlier."));
    return;
  }
  const timed = listed.every((one) => one.span);
  const first = timed ? Math.min(...listed.map((one) => one.span[0])) : 0;
  const end = timed ? Math.max(...listed.map((one) => one.span[1])) : Math.max(...listed.map((one) => one.took));
  const whole = Math.max(1, end - first);
  listed.sort((a, b) => (timed ? a.span[0] - b.span[0] : b.took - a.took));
  const made = make("div", { className: "time", role: "list" });
  for (const one of listed) {
    const took = timed ? one.span[1] - one.span[0] : one.took;
    const name = `${one.stage} ${one.name}${one.count > 1 ? ` and ${one.count - 1} more` : ""}`;
    const when = timed ? `after ${(one.span[0] - first).toFixed(0)} s, ` : "";
    made.append(make("span", { className: "name", role: "listitem", title: name }, name),
      bar(one.stage, timed ? (one.span[0] - first) / whole : 0, took / whole), make("span", {}, `${when}${took.toFixed(0)} s`));
  }
  const many = listed.length > 40;
  const words = `${listed.length} builds and boots${timed ? `, ${whole.toFixed(0)} s from the first to the last` : ", the longest first"}`;
  $("timeline").append(make("details", { open: !many }, make("summary", {}, words), made));
}

start();
