// The reason and the witness behind one cell.
const MOST_CELLS_LISTED = 60;
const panel = byId("panel");
let opener = null;

function openCell(cell, from) {
  const persona = personas[cell.persona];
  openPanel(
    from, `${persona.name}: ${cell.question}`,
    make("p", { class: "panel-place" }, make("code", {}, cell.object.name), cell.whose ? `, ${cell.whose}` : ""),
    ...cell.entries.map(drawMove),
    ...cell.answers.map((answer) => drawAnswer(answer, persona)),
    make("details", {}, make("summary", {}, `Who is ${persona.name}?`),
      make("p", {}, "Role ", make("code", {}, persona.role), ", claims"), make("pre", {}, persona.claims)),
  );
  elementOf.get(cell)?.classList.add("shown");
  elementOf.get(cell)?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function openEntry(entry, from) {
  const cells = allCells.filter((cell) => cell.entries.includes(entry));
  const persona = personas.find((some) => some.name === entry.persona);
  openPanel(
    from, "Difference",
    drawMove(entry),
    make("p", { class: "message" }, entry.message),
    ...(persona ? [drawStatement(entry.statement, persona, entry.script)] : []),
    ...(cells.length ? [make("h3", {}, "Cells")] : []),
    make("ul", { class: "cells" }, ...cells.slice(0, MOST_CELLS_LISTED).map((cell) => make("li", {}, drawLink(cell)))),
    ...(cells.length > MOST_CELLS_LISTED ? [make("p", { class: "note" }, `and ${cells.length - MOST_CELLS_LISTED} more`)] : []),
  );
}

function drawLink(cell) {
  const button = make("button", { type: "button", class: "link" },
    `${personas[cell.persona].name}: ${cell.question}${cell.whose ? `, ${cell.whose}` : ""}`);
  button.addEventListener("click", () => {
    reveal(cell);
    openCell(cell, elementOf.get(cell));
  });
  return button;
}

function openPanel(from, title, ...content) {
  opener = from;
  unmark();
  byId("panel-title").textContent = title;
  byId("panel-body").replaceChildren(...content);
  panel.hidden = false;
  document.body.classList.add("with-panel");
  panel.scrollTop = 0;
  byId("panel-title").focus({ preventScroll: true });
}

function unmark() {
  for (const element of document.querySelectorAll("td.shown")) element.classList.remove("shown");
}

function closePanel() {
  if (panel.hidden) return;
  panel.hidden = true;
  document.body.classList.remove("with-panel");
  unmark();
  if (opener?.isConnected) opener.focus();
}

function drawMove({ direction, before, after }) {
  const answers = before || after ? `: ${before || "nothing"} → ${after || "nothing"}` : "";
  return make("p", { class: `move moved-${direction}` }, `${directions[direction]} ${direction}${answers}`);
}

function drawAnswer(answer, persona) {
  const [symbol, word, meaning] = outcomes[answer.outcome];
  const tried = answer.tried === 1 ? "1 row tried" : `${answer.tried} rows tried`;
  const facts = [
    ["When", answer.when],
    ["Why", answer.why],
    ["SQLSTATE", answer.sqlstate],
    ["Aimed at", answer.row],
  ].filter(([, value]) => value);
  return make(
    "article", { class: "answer" },
    make("p", { class: "answer-head" }, make("span", { class: `tag o-${answer.outcome}` }, `${symbol} ${word}`),
      make("small", {}, `${meaning}; ${tried}`)),
    make("dl", {}, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]),
      ...(answer.footprint.length
        ? [make("dt", {}, "Also did"), make("dd", {}, make("ul", {}, ...answer.footprint.map((line) => make("li", {}, line))))]
        : [])),
    drawStatement(answer.statement, persona),
  );
}

function drawStatement(statement, persona, given) {
  const script = given || `begin;\n${persona.become}\n${statement};\nrollback;\n`;
  return make(
    "figure", { class: "witness" },
    make("figcaption", {}, `Statement of ${persona.name} `,
      make("span", { class: "buttons" }, copyButton("Copy", statement), copyButton("Copy for psql", script))),
    make("pre", { class: "statement", tabindex: "0" }, make("code", {}, statement)),
  );
}

function copyButton(name, text) {
  const button = make("button", { type: "button", class: "button small" }, name);
  button.addEventListener("click", async () => {
    button.textContent = await copy(text) ? "Copied" : "Cannot copy";
    setTimeout(() => { button.textContent = name; }, 1500);
  });
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No permission, or a page from a file: the older way needs a selection.
    const area = make("textarea", { class: "hidden-text", readonly: true });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
